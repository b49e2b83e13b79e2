# "make image" builds the binaries into bin/image/<platform> and gives this
# folder as the context: a build needs no registry and no network, and one for
# several platforms no emulation.
FROM scratch
ARG TARGETARCH
ARG VERSION=dev
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Snapback" \
      org.opencontainers.image.description="Kafka brokers that come back with their data" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/snapback-dev/snapback" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY linux/${TARGETARCH}/ /
USER 65532:65532
ENTRYPOINT ["/snapback"]
