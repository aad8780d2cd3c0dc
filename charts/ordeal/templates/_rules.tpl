{{/* Rules of rights.yaml, by their names there: include "ordeal.rules" (list . "agent" ...). */}}
{{- define "ordeal.rules" -}}
{{- $rights := (first .).Files.Get "rights.yaml" | fromYaml -}}
{{- $rules := list -}}
{{- range rest . }}{{ $rules = concat $rules (get $rights .) }}{{ end -}}
{{- toYaml $rules -}}
{{- end }}

{{/* What the controller may do wherever it watches: in a ClusterRole, or in the Role of scope namespace. */}}
{{- define "ordeal.controllerRules" -}}
{{- include "ordeal.rules" (list . "controller") -}}
{{- if .Values.rollback.enabled }}
{{ include "ordeal.rules" (list . "rollback") -}}
{{- end }}
{{- end }}

{{/* The only rule of that name, with names: include "ordeal.ruleWithNames" (list . "prometheus" $names). */}}
{{- define "ordeal.ruleWithNames" -}}
{{- $rule := get ((first .).Files.Get "rights.yaml" | fromYaml) (index . 1) | first -}}
{{- with index . 2 }}{{ $_ := set $rule "resourceNames" . }}{{ end -}}
{{- toYaml (list $rule) -}}
{{- end }}
