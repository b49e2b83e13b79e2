# The tools, each pinned. They run from source, so that only Go is needed.
CONTROLLER_GEN := go run sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0
GOLANGCI       := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
KUSTOMIZE      := go run sigs.k8s.io/kustomize/kustomize/v5@v5.8.1
GREMLINS       := go run github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0
ACTIONLINT     := go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.7 -shellcheck= -pyflakes=
HELM           := go run helm.sh/helm/v4/cmd/helm@v4.3.1
SYFT           := go run github.com/anchore/syft/cmd/syft@v1.57.1

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
IMAGE   ?= snapback:dev
CERTS   ?= default

# The files that the chart shares with kustomize, and a command that prints the checksums of all generated files.
CHART_FILES := crd/snapback*.yaml base/rbac.yaml base/history.yaml base/service.yaml base/webhook.yaml base/poddisruptionbudget.yaml \
	base/priorityclass.yaml $(addprefix components/,cert-manager/certificates.yaml self-signed/rbac.yaml \
	secure-metrics/rbac.yaml tracing/rbac.yaml drills/policy.yaml drills/rbac.yaml network-policy/networkpolicy.yaml monitoring/[!k]*.yaml monitoring/dashboard.json)
GENERATED   := find api/v1alpha1/zz_generated.deepcopy.go docs/cli.md docs/kafkabackup.md manifests/crd manifests/helm/files -type f | sort | xargs sha256sum

# The other modules, which keep their dependencies out of the main one, and those
# of them that have tests.
MODULES := e2e/csidriver e2e/certmanager manifests/tests manifests/components/monitoring/tests
TESTED  := $(filter-out e2e/certmanager,$(MODULES))

export CGO_ENABLED := 0

.DEFAULT_GOAL := help
.PHONY: help
help: ## Show this
	@awk -F ':.*## ' '/^[a-z0-9.-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Try it

.PHONY: demo
demo: components ## Lose a broker and see it come back with its records (3 min; 10 min the first time; KAFKA=apache, embedded)
	@go build -o bin/demo ./e2e/cmd/demo
	@bin/demo

.PHONY: cluster-up
cluster-up: bin/embedded-cluster ## Leave an embedded cluster with Snapback running; the last line is its KUBECONFIG
	@bin/embedded-cluster up

.PHONY: cluster-down
cluster-down: bin/embedded-cluster ## Stop it
	@bin/embedded-cluster down

##@ Develop

.PHONY: build
build: ## Build both binaries into bin/
	go build -ldflags "-X main.version=$(VERSION)" -o bin/ ./cmd/...

.PHONY: unit
unit: ## Run the unit tests alone, without the embedded cluster's components: seconds
	go test -short ./...

# Without what only debuggers read (-w), linking takes half the time.
.PHONY: test
test: components ## Run all tests: units, the webhook and the scheduler on a real apiserver, end to end
	go test -timeout 45m -ldflags=-w ./...
	@for m in $(TESTED); do echo "cd $$m && go test -timeout 45m ./..." && (cd $$m && go test -timeout 45m ./...) || exit; done

# gremlins changes the code in one place at a time and runs the package's tests, of
# which one has to fail. Vet is off, since its findings are no failing test. -count=1
# turns Go's cache off: gremlins takes its timeout from how long the tests ran.
# The required scores are in .gremlins.yaml.
.PHONY: mutation
mutation: ## Change the rules in snapshots/ one by one, and see that a test fails each time (20 min; MUTATION_FLAGS)
	GOFLAGS="$$GOFLAGS -vet=off -count=1 -ldflags=-w" $(GREMLINS) unleash $(MUTATION_FLAGS) ./snapshots

.PHONY: e2e-kafka
e2e-kafka: components ## Lose disks of real Apache Kafka in every way and count the records (15 min; Java 17, Maven)
	SNAPBACK_E2E_KAFKA=1 go test ./e2e/apachekafka -count=1 -v -parallel 2 -timeout 40m $(E2E_KAFKA_FLAGS)

.PHONY: chaos
chaos: components ## Run random operations and faults on real processes, and check the history (DURATION=10m, SEED=, CHAOS_FLAGS)
	@go build -o bin/chaos ./e2e/chaos
	@bin/chaos -duration $(or $(DURATION),10m) -seed $(or $(SEED),0) $(CHAOS_FLAGS)

.PHONY: chaos-bugs
chaos-bugs: components ## Check that the checks of chaos find bugs that are put into Snapback (10 min)
	SNAPBACK_CHAOS_BUGS=1 go test ./e2e/chaos -run 'TestBugs$$' -count=1 -v -timeout 40m

.PHONY: bench
bench: components ## Measure claims and runs, a bad night and many objects (about half an hour; BENCH_FLAGS="-only=...")
	@go build -o bin/bench ./e2e/bench
	@bin/bench $(BENCH_FLAGS)

.PHONY: bench-recovery
bench-recovery: components ## Measure how long a broker takes to be back, restored and empty (5 min; Java 17, Maven; BENCH_RECOVERY_FLAGS)
	@go build -o bin/bench-recovery ./e2e/bench/recovery
	@bin/bench-recovery $(BENCH_RECOVERY_FLAGS)

.PHONY: screenshots
screenshots: components ## Take the documentation's pictures of "kubectl snapback ui" anew (3 min; Chromium)
	@go build -o bin/screenshots ./e2e/cmd/screenshots
	@bin/screenshots -folder docs/pictures

.PHONY: lint
lint: ## Check format, what .golangci.yaml asks for, the workflows, and that generated files are fresh
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	$(GOLANGCI) run
	go mod tidy -diff
	@for m in $(MODULES); do echo "cd $$m && golangci-lint run && go mod tidy -diff" && \
	(cd $$m && $(GOLANGCI) run && go mod tidy -diff) || exit; done
	$(ACTIONLINT) .github/workflows/*.yaml
	@! grep -nE 'uses: [^.]' .github/workflows/*.yaml | grep -vE '@[0-9a-f]{40} # v[0-9.]+$$' || { echo "pin these to a full commit, with the version in a comment"; exit 1; }
	@before=$$($(GENERATED)); $(MAKE) --no-print-directory generate; \
	test "$$before" = "$$($(GENERATED))" || { echo "generated files were stale: commit them"; exit 1; }

.PHONY: generate
generate: ## Generate the CRD, the deepcopy functions, the chart's files and the reference
	$(CONTROLLER_GEN) object crd paths=./api/... output:crd:dir=manifests/crd
	@$(MAKE) --no-print-directory chart reference

.PHONY: reference
reference: ## Write docs/cli.md from the plugin's commands, and the tables of docs/kafkabackup.md from the CRD
	go test ./cmd/kubectl-snapback/cli ./api/v1alpha1 -run TestReference -count=1 -args -update

.PHONY: chart
chart: ## Copy to the chart what it shares with kustomize
	rm -rf manifests/helm/files && mkdir manifests/helm/files
	cd manifests && cp --parents $(CHART_FILES) helm/files

.PHONY: trace-picture
trace-picture: components ## Take the documentation's picture of a restore's trace anew (4 min; Chromium)
	go test ./e2e -run 'TestTracing$$' -count=1 -v -args -trace-picture=$(CURDIR)/docs/pictures/trace-restore.webp

.PHONY: components
components: bin/embedded-cluster ## Build the embedded cluster's parts into a cache (5 to 15 min, once)
	@bin/embedded-cluster build

.PHONY: bin/embedded-cluster
bin/embedded-cluster:
	@go build -o $@ ./e2e/cmd/embedded-cluster

# The image's binaries. They contain no path, time or commit, so that the same
# source and VERSION give the same bytes anywhere.
PLATFORMS ?= linux/$(shell go env GOARCH)
BINARIES  ?= bin/image

.PHONY: binaries
binaries: ## Build the image's static binaries (PLATFORMS="linux/amd64 linux/arm64")
	@rm -rf $(BINARIES)
	@for p in $(PLATFORMS); do mkdir -p $(BINARIES)/$$p && GOOS=linux GOARCH=$${p#linux/} \
	go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=$(VERSION)" -o $(BINARIES)/$$p/ ./cmd/... || exit; done

IMAGE_ARGS = --build-arg VERSION=$(VERSION) --build-arg REVISION=$(shell git rev-parse HEAD 2>/dev/null || echo unknown) \
	--build-arg CREATED=$(shell git log -1 --format=%cI 2>/dev/null || echo 1970-01-01T00:00:00Z) -t $(IMAGE) -f Dockerfile $(BINARIES)

.PHONY: image
image: binaries ## Build the container image (IMAGE=name:tag)
	docker build --build-arg TARGETARCH=$(shell go env GOARCH) $(IMAGE_ARGS)

.PHONY: image-push
image-push: PLATFORMS = linux/amd64 linux/arm64
image-push: binaries ## Build the image for amd64 and arm64, and push it (IMAGE=name:tag; needs docker buildx)
	docker buildx build --push --provenance=false --metadata-file bin/image.json --platform $(shell echo $(PLATFORMS) | tr ' ' ,) $(IMAGE_ARGS)

.PHONY: sbom
sbom: ## List the modules in the image's binaries, after "make image" or "make image-push", in bin/sbom.spdx.json
	SYFT_CHECK_FOR_APP_UPDATE=false $(SYFT) scan dir:$(BINARIES) --source-name snapback --source-version $(VERSION) -q -o spdx-json=bin/sbom.spdx.json

# A release of the plugin is an archive for each platform, and krew's manifest.
RELEASE           ?= bin/release
RELEASE_PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64

.PHONY: release
release: ## Build the plugin's archives and krew manifest into bin/release (VERSION=v1.2.3)
	@rm -rf $(RELEASE) && mkdir -p $(RELEASE) && sed 's/VERSION/$(VERSION)/' manifests/krew/snapback.yaml > $(RELEASE)/snapback.yaml
	@for p in $(RELEASE_PLATFORMS); do \
	os=$${p%/*} arch=$${p#*/} name=$${p%/*}_$${p#*/} exe=kubectl-snapback; test $$os != windows || exe=$$exe.exe; \
	GOOS=$$os GOARCH=$$arch go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=$(VERSION)" -o $(RELEASE)/$$exe ./cmd/kubectl-snapback && \
	cp LICENSE $(RELEASE) && archive=$(RELEASE)/kubectl-snapback_$$name.tar.gz && \
	tar -C $(RELEASE) --owner=0 --group=0 --numeric-owner --mtime=@0 -cf - LICENSE $$exe | gzip -n > $$archive && \
	sed -i "s/SHA256_$$name/$$(sha256sum < $$archive | cut -d' ' -f1)/" $(RELEASE)/snapback.yaml && rm $(RELEASE)/$$exe $(RELEASE)/LICENSE || exit; done

# The chart of a release names its image by digest, so that trust in the chart
# covers the image, and tells Artifact Hub what has changed.
CHART     ?= bin/chart
CHANGELOG ?= CHANGELOG.md
CHANGES    = awk -v version=$(VERSION:v%=%) -v as=$(1) -f manifests/changes.awk $(CHANGELOG)

.PHONY: chart-release
chart-release: ## Package the chart into bin/chart (VERSION=v1.2.3, IMAGE=name@sha256:...)
	@rm -rf $(CHART) && mkdir -p $(CHART) && cp -R manifests/helm $(CHART)/snapback
	@$(call CHANGES,annotation) > $(CHART)/changes.yaml
	@sed -i 's|^version: .*|version: $(VERSION:v%=%)|; s|^appVersion: .*|appVersion: $(VERSION)|; s|snapback:dev|$(IMAGE)|' $(CHART)/snapback/Chart.yaml
	@(echo '  artifacthub.io/changes: |' && sed 's/^/    /' $(CHART)/changes.yaml) >> $(CHART)/snapback/Chart.yaml
	@sed -i 's|^  repository: ""|  repository: $(firstword $(subst @, ,$(IMAGE)))|; s|^  digest: ""|  digest: $(lastword $(subst @, ,$(IMAGE)))|' $(CHART)/snapback/values.yaml
	$(HELM) package $(CHART)/snapback --destination $(CHART)

.PHONY: chart-push
chart-push: ## Push the packaged chart (CHARTS=oci://registry.example.com/charts)
	@$(HELM) push $(CHART)/*.tgz $(CHARTS) 2>&1

.PHONY: release-notes
release-notes: ## Print what CHANGELOG.md says of a release (VERSION=v1.2.3)
	@$(call CHANGES,notes)

.PHONY: install.yaml
install.yaml: ## Write all manifests into one file (IMAGE=name:tag, CERTS=default or self-signed)
	@rm -rf bin/install && mkdir -p bin/install
	@printf 'resources:\n- ../../manifests/$(CERTS)\n' > bin/install/kustomization.yaml
	@cd bin/install && $(KUSTOMIZE) edit set image snapback=$(IMAGE)
	@$(KUSTOMIZE) build bin/install > $@

.PHONY: e2e-kind
e2e-kind: components ## Check install, Kafka in pods, outages, upgrade and uninstall in a kind cluster (needs Docker and kind; KIND_IMAGE, KAFKA_IMAGE, KIND_FLAGS)
	SNAPBACK_E2E_KIND=1 go test ./e2e/kind -count=1 -v -artifacts -timeout 60m $(KIND_FLAGS)
