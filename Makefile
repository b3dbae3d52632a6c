# make demo   start everything on this machine, break a workload, and print the page's address
# make test   every test, with what it needs installed or built first
# make install-test   docs/install.md, followed word by word on a real node of this machine; as root, and it takes minutes
# make images observability alerts   container images, the stack that the bot looks at, the alert rules: see deploy/
SHELL := /bin/bash
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/autopilot
TOOLS := $(CACHE)/tools
GOLANGCI_LINT := $(TOOLS)/golangci-lint-v2.15.0
GOVULNCHECK := $(TOOLS)/govulncheck-v1.9.0
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 20s

.PHONY: help build demo test install-test race fuzz lint verify generate bench setup images observability observability-verify observability-down alerts

help:
	@grep -E '^# make|^#   ' Makefile | sed 's/^# //'
	@echo "make build lint verify fuzz bench generate"

build:
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/ ./cmd/autopilot ./cmd/industry

# setup installs the Debian packages that the parts need, or says which are missing.
setup:
	@.ci/setup

demo:
	@.ci/setup demo
	go run ./cmd/demo

# The longest come first, lest one of them is left over at the end. The end-to-end tests share two cores with what they start, so they run
# alone. Everything is built as it is shipped, without cgo, so that what tests start is not built twice.
SLOW := ./test/bench ./store ./test/cluster ./test/stand ./test/slack/page ./test/aws
test: export CGO_ENABLED := 0
test: setup
	export TMPDIR=$$(.ci/scratch); status=0; \
	go test $(TESTFLAGS) -count=1 -vet=all -ldflags=-w -p 3 -timeout 20m $(SLOW) $$(go list ./... | grep -v /test/e2e) || status=$$?; \
	go test $(TESTFLAGS) -count=1 -vet=all -ldflags=-w -timeout 40m ./test/e2e/... || status=$$?; \
	exit $$status

# It builds the images as the document says, which compiles everything anew: minutes that every other test can do without.
install-test: export CGO_ENABLED := 0
install-test: setup
	go test -tags install -v -count=1 -ldflags=-w -timeout 40m -run TestInstall ./test/install

race:
	go test -race -count=1 -p 1 -timeout 30m ./engine/... ./store/... ./bot/... ./handlers/... ./cmd/autopilot/... ./test/slack

# fuzz runs every fuzz target for FUZZTIME.
fuzz:
	@set -e; for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; done

$(GOLANGCI_LINT):
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS)/new go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	@mv $(TOOLS)/new/golangci-lint $@

$(GOVULNCHECK):
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS)/new go install golang.org/x/vuln/cmd/govulncheck@v1.9.0
	@mv $(TOOLS)/new/govulncheck $@

lint: $(GOLANGCI_LINT)
	$(GOLANGCI_LINT) run ./...

# generate writes what is made of the code: the references in docs/, and the workspace page's bundle, which needs npm.
generate:
	go generate ./...

# verify holds what tests cannot: a tidy go.mod, generated files that are current, known vulnerabilities.
verify: $(GOVULNCHECK)
	go mod tidy -diff
	go generate ./...
	git diff --exit-code
	go test -count=1 ./test/arch
	$(GOVULNCHECK) ./...

bench:
	go run ./test/bench help

# images builds the container images of every architecture into dist/, without a container engine.
images:
	go run ./deploy/image -out dist -tag $(VERSION)

# The stack that the bot looks at, on the cluster of the current context: see deploy/observability/observability.
observability:
	deploy/observability/observability up
	deploy/observability/observability verify

observability-verify:
	deploy/observability/observability verify

observability-down:
	deploy/observability/observability down

alerts:
	deploy/observability/observability alerts
