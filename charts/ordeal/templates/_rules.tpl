{{/* What the controller may do wherever it watches: in a ClusterRole, or in the Role of scope namespace. */}}
{{- define "ordeal.controllerRules" -}}
- apiGroups: [""]
  resources: [pods, services]
  verbs: [get, list, watch]
- apiGroups: [apps]
  resources: [deployments, replicasets, statefulsets, daemonsets]
  verbs: [get, list, watch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch]
- apiGroups: [argoproj.io]
  resources: [rollouts, analysistemplates]
  verbs: [get, list, watch]
- apiGroups: [ordeal.dev]
  resources: [experiments]
  verbs: [get, list, watch]
- apiGroups: [ordeal.dev]
  resources: [experiments/status]
  verbs: [patch, update]
# The records of runs (the oldest are deleted), and the policy. RBAC cannot name them by label; the admission policy
# records.ordeal.dev does.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- if .Values.rollback.enabled }}
- apiGroups: [argoproj.io]
  resources: [rollouts, rollouts/status]
  verbs: [patch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [patch]
{{- end }}
{{- end }}

{{/* What a person needs to run experiments in a namespace and to read what came of them. */}}
{{- define "ordeal.experimenterRules" -}}
- apiGroups: [ordeal.dev]
  resources: [experiments]
  verbs: [get, list, watch, create, update, patch, delete, deletecollection]
- apiGroups: [ordeal.dev]
  resources: [injections]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [configmaps, events, pods]
  verbs: [get, list, watch]
{{- end }}
