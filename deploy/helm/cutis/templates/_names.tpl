{{- define "cutis.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "cutis.fullname" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "cutis.name" .) .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name (include "cutis.name" .) | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* Labels by which selectors find pods: dict root, component. */}}
{{- define "cutis.selector" -}}
app.kubernetes.io/name: {{ include "cutis.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "cutis.labels" -}}
{{ include "cutis.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: cutis
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* The image of a kind (service, worker, tools); a digest wins over the tag. The worker's for GPUs has a
tag of its own, as docker-compose.yml builds it. */}}
{{- define "cutis.image" -}}
{{- $image := index .root.Values.image .kind }}
{{- $values := .root.Values }}
{{- $gpu := ternary $values.ray.workers.gpu $values.worker.gpu.enabled $values.ray.enabled }}
{{- $suffix := ternary "-cuda" "" (and $gpu (eq .kind "worker")) }}
{{- if $image.digest }}{{ $image.repository }}@{{ $image.digest }}
{{- else }}{{ $image.repository }}:{{ $image.tag | default (print .root.Chart.AppVersion $suffix) }}{{ end }}
{{- end }}

{{/* Names of secrets, ours or the site's. */}}
{{- define "cutis.secret.postgresql" -}}
{{- if .Values.postgresql.enabled }}{{ .Values.postgresql.existingSecret | default (printf "%s-postgresql" (include "cutis.fullname" .)) }}
{{- else }}{{ required "externalPostgresql.existingSecret: the secret with the password" .Values.externalPostgresql.existingSecret }}{{ end }}
{{- end }}
{{- define "cutis.secret.redis" -}}
{{- if .Values.redis.enabled }}{{ .Values.redis.existingSecret | default (printf "%s-redis" (include "cutis.fullname" .)) }}
{{- else }}{{ required "externalRedis.existingSecret: the secret with the password" .Values.externalRedis.existingSecret }}{{ end }}
{{- end }}
{{- define "cutis.secret.api" -}}
{{ .Values.api.existingSecret | default (printf "%s-api" (include "cutis.fullname" .)) }}
{{- end }}
{{- define "cutis.secret.ray" -}}
{{ .Values.ray.existingTokenSecret | default (printf "%s-ray" (include "cutis.fullname" .)) }}
{{- end }}
{{- define "cutis.spool" -}}
{{ .Values.spool.existingClaim | default (printf "%s-spool" (include "cutis.fullname" .)) }}
{{- end }}

{{/* Host names the API answers to. $(POD_IP) is filled in by the kubelet. */}}
{{- define "cutis.apiHosts" -}}
{{- $service := printf "%s-api" (include "cutis.fullname" .) }}
{{- $hosts := concat .Values.api.allowedHosts (list $service (printf "%s.%s" $service .Release.Namespace) (printf "%s.%s.svc" $service .Release.Namespace) "$(POD_IP)") }}
{{- if .Values.api.ingress.enabled }}{{ $hosts = append $hosts .Values.api.ingress.host }}{{ end }}
{{- join "," $hosts }}
{{- end }}

{{/* The port of an address: the one that it names, else its scheme's. */}}
{{- define "cutis.port" -}}
{{- $parts := urlParse . }}
{{- $usual := dict "http" "80" "https" "443" "redis" "6379" "rediss" "6379" }}
{{- $named := regexFind ":[0-9]+$" $parts.host | trimPrefix ":" }}
{{- $named | default (get $usual $parts.scheme) | required (printf "%s: an address with http, https, redis or rediss" .) }}
{{- end }}
