FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY api api
COPY cmd cmd
COPY scheduler scheduler
COPY snapshots snapshots
COPY webhook webhook
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /bin/ ./cmd/...

FROM scratch
COPY --from=build /bin/snapback /bin/kubectl-snapback /
USER 65532:65532
ENTRYPOINT ["/snapback"]
