{{- define "snapback.labels" -}}
app.kubernetes.io/name: snapback
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "snapback.image" -}}
{{- $repository := required "image.repository: say where you pushed the image, as registry.example.com/snapback" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- /* Where both containers send spans. */ -}}
{{- define "snapback.tracing" -}}
{{- with .Values.tracing }}
{{- if .endpoint }}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ .endpoint | quote }}}
- {name: OTEL_EXPORTER_OTLP_PROTOCOL, value: {{ .protocol | quote }}}
- {name: OTEL_TRACES_SAMPLER, value: traceidratio}
- {name: OTEL_TRACES_SAMPLER_ARG, value: {{ .sampling | toString | quote }}}
{{- with .headersSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef: {name: {{ . | quote }}, key: headers}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /*
The objects of a file in files/, which "make generate" copies from where kustomize has them: in the release's namespace, with
the chart's labels and those of "labels", as {"items": [...]}.
*/ -}}
{{- define "snapback.objects" -}}
{{- $items := list -}}
{{- $labels := merge dict (fromYaml (include "snapback.labels" .root)) (.labels | default dict) -}}
{{- $text := .root.Files.Get .file | required (printf "%s: no such file" .file) | trimPrefix "---\n" | replace "snapback-system" .root.Release.Namespace -}}
{{- range splitList "\n---\n" $text -}}
{{- $object := fromYaml . -}}
{{- with $object.Error }}{{ fail . }}{{ end -}}
{{- $_ := set $object.metadata "labels" (merge dict $labels ($object.metadata.labels | default dict)) -}}
{{- $items = append $items $object -}}
{{- end -}}
{{- dict "items" $items | toYaml -}}
{{- end }}

{{- /* The objects of a file, as a manifest. */ -}}
{{- define "snapback.file" -}}
{{- range (fromYaml (include "snapback.objects" .)).items }}
---
{{ toYaml . }}
{{- end }}
{{- end }}
