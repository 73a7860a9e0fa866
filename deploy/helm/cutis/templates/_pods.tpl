{{/* What every pod of ours is: dict root, own (the component's values). */}}
{{- define "cutis.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .own.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .own.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .own.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .own.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* One component is spread over nodes unless the values say how: dict root, component, own. */}}
{{- define "cutis.spread" -}}
topologySpreadConstraints:
{{- if .own.topologySpreadConstraints }}
{{ toYaml .own.topologySpreadConstraints | indent 2 }}
{{- else }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{ include "cutis.selector" . | nindent 8 }}
{{- end }}
{{- end }}

{{- define "cutis.closed" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Where everything is; the passwords come as files. dict root. */}}
{{- define "cutis.environment" -}}
- {name: CUTIS_DATABASE_PASSWORD_FILE, value: /run/secrets/cutis/postgresql}
- {name: CUTIS_REDIS_PASSWORD_FILE, value: /run/secrets/cutis/redis}
{{- if .root.Values.externalPacs.existingSecret }}
- {name: CUTIS_PACS_PASSWORD_FILE, value: /run/secrets/cutis/pacs}
{{- end }}
{{- include "cutis.believed" . }}
{{- end }}

{{/* Whose certificates we believe: the site's authorities, else those of the image. libpq, which comes
with an OpenSSL of its own, looks for neither by itself. dict root. */}}
{{- define "cutis.believed" -}}
{{- $own := .root.Values.certificateAuthorities.existingConfigMap }}
{{- $file := ternary "/etc/cutis/authorities/ca.crt" "/etc/ssl/certs/ca-certificates.crt" (not (empty $own)) }}
{{- if and (not .root.Values.postgresql.enabled) (hasPrefix "verify-" .root.Values.externalPostgresql.sslmode) }}
- {name: PGSSLROOTCERT, value: {{ $file }}}
{{- end }}
{{- if $own }}
- {name: SSL_CERT_FILE, value: {{ $file }}}  # Redis
{{- if not (hasKey .root.Values.settings "CUTIS_PACS_TLS_AUTHORITIES") }}
- {name: CUTIS_PACS_TLS_AUTHORITIES, value: {{ $file }}}
{{- end }}
{{- end }}
{{- end }}

{{/* The secrets of one component as files: dict root, secrets (list of postgresql, redis, pacs, api). */}}
{{- define "cutis.secretVolume" -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
    {{- range .secrets }}
    {{- if eq . "postgresql" }}
      - secret:
          name: {{ include "cutis.secret.postgresql" $.root }}
          items: [{key: {{ ternary "password" $.root.Values.externalPostgresql.secretKey $.root.Values.postgresql.enabled }}, path: postgresql}]
    {{- else if eq . "redis" }}
      - secret:
          name: {{ include "cutis.secret.redis" $.root }}
          items: [{key: {{ ternary "password" $.root.Values.externalRedis.secretKey $.root.Values.redis.enabled }}, path: redis}]
    {{- else if and (eq . "pacs") $.root.Values.externalPacs.existingSecret }}
      - secret:
          name: {{ $.root.Values.externalPacs.existingSecret }}
          items: [{key: {{ $.root.Values.externalPacs.secretKey }}, path: pacs}]
    {{- else if eq . "api" }}
      - secret:
          name: {{ include "cutis.secret.api" $.root }}
          items: [{key: api-keys, path: api-keys}]
    {{- else if eq . "api-key" }}
      - secret:
          name: {{ include "cutis.secret.api" $.root }}
          items: [{key: api-key, path: api-key}]
    {{- end }}
    {{- end }}
{{- end }}

{{/* Volumes of one component: dict root, own, secrets, spool (bool). */}}
{{- define "cutis.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 2Gi}
{{ include "cutis.secretVolume" . }}
{{- with .root.Values.certificateAuthorities }}
{{- if .existingConfigMap }}
- name: authorities
  configMap: {name: {{ .existingConfigMap }}, items: [{key: {{ .key }}, path: ca.crt}]}
{{- end }}
{{- end }}
{{- if .spool }}
- name: spool
  persistentVolumeClaim: {claimName: {{ include "cutis.spool" .root }}}
{{- end }}
{{- with .own.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Mounts of one component: dict root, own, spool (bool), readsSpool (bool: it writes nothing there). */}}
{{- define "cutis.mounts" -}}
{{- include "cutis.ownMounts" . }}
{{- if .spool }}
- {name: spool, mountPath: /var/lib/cutis/spool{{ if .readsSpool }}, readOnly: true{{ end }}}
{{- end }}
{{- with .own.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "cutis.ownMounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: secrets, mountPath: /run/secrets/cutis, readOnly: true}
{{- if .root.Values.certificateAuthorities.existingConfigMap }}
- {name: authorities, mountPath: /etc/cutis/authorities, readOnly: true}
{{- end }}
{{- end }}

{{/* Nothing starts before the schema is this version's. dict root, kind. */}}
{{- define "cutis.afterMigration" -}}
initContainers:
  - name: schema
    image: {{ include "cutis.image" . }}
    imagePullPolicy: {{ (index .root.Values.image .kind).pullPolicy }}
    command: [python, -m, shared.db.wait, "600"]
    envFrom: [{configMapRef: {name: {{ include "cutis.fullname" .root }}-settings}}]
    env: {{ include "cutis.environment" . | nindent 6 }}
    resources: {requests: {cpu: 50m, memory: 128Mi}, limits: {memory: 512Mi}}
    securityContext: {{ include "cutis.closed" . | nindent 6 }}
    volumeMounts: {{ include "cutis.ownMounts" . | nindent 6 }}
{{- end }}

{{/* By the age of the pulse: out of service after a minute, started anew after ten, since a database
that is away stops every pulse and starting anew would not bring it back. */}}
{{- define "cutis.pulseProbes" -}}
startupProbe:
  exec: {command: [python, -m, shared.pulse, /tmp/pulse, "60"]}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 120
readinessProbe:
  exec: {command: [python, -m, shared.pulse, /tmp/pulse, "60"]}
  periodSeconds: 20
  timeoutSeconds: 5
livenessProbe:
  exec: {command: [python, -m, shared.pulse, /tmp/pulse, "600"]}
  periodSeconds: 60
  timeoutSeconds: 5
{{- end }}

{{/* Rolls pods when what they were started with changes. */}}
{{- define "cutis.checksums" -}}
checksum/settings: {{ include (print .root.Template.BasePath "/settings.yaml") .root | sha256sum }}
{{- with .own.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end }}
