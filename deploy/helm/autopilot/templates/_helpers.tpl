{{- define "autopilot.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "autopilot.labels" -}}
app.kubernetes.io/name: autopilot
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "autopilot.selector" -}}
app.kubernetes.io/name: autopilot
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "autopilot.account" -}}
{{- default (include "autopilot.name" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "autopilot.chaosAccount" -}}
{{- default (printf "%s-chaos" (include "autopilot.name" .)) .Values.chaos.serviceAccount.name -}}
{{- end -}}

{{- define "autopilot.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "autopilot.secret" -}}
{{- if .Values.secrets.externalSecret.enabled -}}
{{ include "autopilot.name" . }}
{{- else -}}
{{ required "secrets.existingSecret names the Secret with AUTOPILOT_DATABASE_URL, AUTOPILOT_SLACK_BOT_TOKEN and AUTOPILOT_SLACK_APP_TOKEN; or switch secrets.externalSecret on" .Values.secrets.existingSecret }}
{{- end -}}
{{- end -}}

{{- define "autopilot.configMap" -}}
{{- default (include "autopilot.name" .) .Values.existingConfigMap -}}
{{- end -}}

{{/* What every pod of ours has: no root, nothing to write on, no way up. */}}
{{- define "autopilot.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "autopilot.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "autopilot.mounts" -}}
- {name: config, mountPath: /etc/autopilot, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- end -}}

{{- define "autopilot.volumes" -}}
- name: config
  configMap: {name: {{ include "autopilot.configMap" . }}}
- name: tmp
  emptyDir: {sizeLimit: 256Mi}
{{- end -}}

{{/* The files that parts read besides: For are some of bot, chaos and migrate. */}}
{{- define "autopilot.fileMounts" -}}
{{- $for := .For -}}
{{- range $k, $f := .Values.files }}
{{- if or (empty $f.in) (has $for $f.in) }}
- {name: files-{{ $k }}, mountPath: {{ $f.path | quote }}, readOnly: true}
{{- end }}
{{- end }}
{{- end -}}

{{- define "autopilot.fileVolumes" -}}
{{- $for := .For -}}
{{- range $k, $f := .Values.files }}
{{- $in := $f.in | default $for }}
{{- $wanted := false }}
{{- range $for }}{{- if has . $in }}{{- $wanted = true }}{{- end }}{{- end }}
{{- if $wanted }}
- name: files-{{ $k }}
  {{- if $f.secret }}
  secret: {secretName: {{ $f.secret }}, defaultMode: 0440}
  {{- else }}
  configMap: {name: {{ $f.configMap }}}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "autopilot.env" -}}
- {name: AUTOPILOT_CONFIG, value: /etc/autopilot/autopilot.yaml}
- name: AUTOPILOT_REPLICA
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* One key of the Secret; the rest of it is nobody's business but the bot's. */}}
{{- define "autopilot.databaseURL" -}}
- name: AUTOPILOT_DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ include "autopilot.secret" . }}, key: AUTOPILOT_DATABASE_URL}}
{{- end -}}

{{- define "autopilot.placement" -}}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The rules of a ClusterRole, which stand in deploy/rbac alone: File is the file, Role the name there. */}}
{{- define "autopilot.rules" -}}
{{- $role := .Role -}}
{{- range splitList "\n---" (.Files.Get .File) -}}
{{- $object := fromYaml . -}}
{{- if and (eq $object.kind "ClusterRole") (eq $object.metadata.name $role) -}}
{{- toYaml $object.rules -}}
{{- end -}}
{{- end -}}
{{- end -}}
