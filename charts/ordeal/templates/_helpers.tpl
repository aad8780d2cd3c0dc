{{- define "ordeal.labels" -}}
app.kubernetes.io/name: ordeal
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "ordeal.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end }}

{{/* NAMESPACE/NAME of the policy. */}}
{{- define "ordeal.policyConfigMap" -}}
{{- .Values.policy.configMap | default (printf "%s/ordeal-config" .Release.Namespace) -}}
{{- end }}

{{/* The users that the API server knows the accounts as. */}}
{{- define "ordeal.controllerUser" -}}system:serviceaccount:{{ .Release.Namespace }}:ordeal-controller{{- end }}
{{- define "ordeal.agentUser" -}}system:serviceaccount:{{ .Release.Namespace }}:ordeal-agent{{- end }}

{{/* Every command line of the three programs, in one place. */}}
{{- define "ordeal.controllerArguments" -}}
- --namespace=$(POD_NAMESPACE)
- --name=$(POD_NAME)
- --scope={{ .Values.scope }}
- --policy-configmap={{ include "ordeal.policyConfigMap" . }}
{{- if .Values.rollback.enabled }}
- --rollback
{{- end }}
{{- include "ordeal.listen" . }}
{{- end }}

{{- define "ordeal.agentArguments" -}}
- --node=$(NODE_NAME)
- --namespace=$(POD_NAMESPACE)
- --name=$(POD_NAME)
- --policy-configmap={{ include "ordeal.policyConfigMap" . }}
{{- end }}

{{- define "ordeal.drainArguments" -}}
- --namespace=$(POD_NAMESPACE)
- --deployment=ordeal-controller
- --within={{ .Values.drain.within }}
{{- end }}

{{- define "ordeal.listen" -}}
{{- if .Values.health.port }}
- --listen=0.0.0.0:{{ .Values.health.port }}
{{- end }}
{{- end }}

{{/* Of every container. */}}
{{- define "ordeal.environment" -}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- with .Values.apiServer.host }}
- name: KUBERNETES_SERVICE_HOST
  value: {{ . | quote }}
{{- end }}
{{- with .Values.apiServer.port }}
- name: KUBERNETES_SERVICE_PORT
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "ordeal.probes" -}}
{{- if .Values.health.port }}
ports:
  - name: health
    containerPort: {{ .Values.health.port }}
livenessProbe:
  httpGet: {path: /healthz, port: health}
  periodSeconds: 10
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: health}
  periodSeconds: 5
{{- end }}
{{- end }}

{{/* Of a pod that needs nothing of its node. */}}
{{- define "ordeal.unprivilegedPod" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "ordeal.unprivilegedContainer" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "ordeal.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* What values say together and a schema cannot judge. */}}
{{- define "ordeal.check" -}}
{{- $policy := include "ordeal.policyConfigMap" . | splitList "/" -}}
{{- if eq .Values.scope "namespace" -}}
{{- if ne (first $policy) .Release.Namespace -}}
{{- fail (printf "policy.configMap: with scope namespace the policy has to lie in the release's namespace %s, not in %s" .Release.Namespace (first $policy)) -}}
{{- end -}}
{{- if or .Values.users.aggregateToEdit .Values.users.tenants -}}
{{- fail "users: a ClusterRole needs scope cluster; with scope namespace bind the Role ordeal-experimenter" -}}
{{- end -}}
{{- range $i, $secret := .Values.prometheus.secrets -}}
{{- if ne $secret.namespace $.Release.Namespace -}}
{{- fail (printf "prometheus.secrets[%d].namespace: with scope namespace only Secrets of %s can be read" $i $.Release.Namespace) -}}
{{- end -}}
{{- end -}}
{{- else if and .Values.admission.enabled (semverCompare "<1.30.0-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "admission.enabled: Kubernetes %s does not put a node's name into the token of its agent (1.30 does), so the policies cannot be made; set admission.enabled=false and read docs/kubernetes.md on what then guards Injections" .Capabilities.KubeVersion.Version) -}}
{{- else if and .Values.users.tenants (not .Values.admission.enabled) -}}
{{- fail "users.tenants: needs admission.enabled; without its policies everyone who administers a namespace could renew a run there that nobody watches" -}}
{{- end -}}
{{- end }}
