{{/* A quantity of memory in bytes: dict value, of (what it is, for who must mend it). */}}
{{- define "cutis.bytes" -}}
{{- if not (kindIs "string" .value) }}{{ int64 .value }}
{{- else }}
{{- $number := regexFind "^[0-9]+([.][0-9]+)?" .value }}
{{- $unit := trimPrefix $number .value }}
{{- $units := dict "_" 1 "_k" 1e3 "_M" 1e6 "_G" 1e9 "_T" 1e12 "_Ki" 1024 "_Mi" 1048576 "_Gi" 1073741824 "_Ti" 1099511627776 }}
{{- if or (not $number) (not (hasKey $units (print "_" $unit))) }}
{{- fail (printf "%s: %q is no amount of memory, such as 8Gi" .of .value) }}
{{- end }}
{{- mulf (float64 $number) (get $units (print "_" $unit)) | floor | int64 }}
{{- end }}
{{- end }}

{{/* What may have memory of its own stays below the limit of its container, or the kernel ends it before
it can say what was too large. A site's own number, in `settings`, stays. dict root, of, resources. */}}

{{/* The writer and its decoder get two fifths each; the last one is for probes, /tmp and the kernel. */}}
{{- define "cutis.writerMemory" -}}
{{- $limit := (.resources.limits | default dict).memory }}
{{- if and $limit (not (hasKey .root.Values.settings "CUTIS_WRITER_MEMORY_BYTES")) }}
{{- $bytes := include "cutis.bytes" (dict "value" $limit "of" .of) | int64 }}
- {name: CUTIS_WRITER_MEMORY_BYTES, value: {{ div (mul $bytes 2) 5 | quote }}}
{{- end }}
{{- end }}

{{/* 2Gi are for Ray, the driver and models at rest; what is left is shared by the models at work (dict
atWork), of which there are four. */}}
{{- define "cutis.actorMemory" -}}
{{- $limit := (.resources.limits | default dict).memory }}
{{- if and $limit (not (hasKey .root.Values.settings "CUTIS_WORKER_ACTOR_MEMORY_BYTES")) }}
{{- $left := sub (include "cutis.bytes" (dict "value" $limit "of" .of) | int64) 2147483648 }}
{{- $bytes := div $left (min .atWork 4) }}
{{- if lt $bytes 536870912 }}
{{- fail (printf "%s: %v is too little; 2Gi, and 512Mi at least for each model at work" .of $limit) }}
{{- end }}
- {name: CUTIS_WORKER_ACTOR_MEMORY_BYTES, value: {{ $bytes | quote }}}
{{- end }}
{{- end }}
