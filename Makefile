# SPDX-License-Identifier: Apache-2.0

GO            ?= go
GOLANGCI_LINT ?= $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZTIME      ?= 10s
N             ?= 10

# The program has no cgo, and what is built for one target serves the others.
export CGO_ENABLED = 0

# What runs tests. CI sets one that records what they showed.
GOTEST = $(GO) test

# The compiler of the committed BPF objects: Debian 12's, byte by byte.
CLANG         ?= clang-14
LLVM_STRIP    ?= llvm-strip-14

.PHONY: help build test test-again test-kernels test-arm64 race fuzz lint generate docs tiers bench cross packages test-packages clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/nsinspect, one static binary
	$(GO) build -trimpath -buildvcs=auto -ldflags '-s -w' -o bin/nsinspect ./cmd/nsinspect

# Those whose tests take minutes and wait for one another begin first: packages are tested in the
# order in which they are named.
LONG = ./test/doctor ./cmd/nsinspect ./test/engines ./pkg/trace ./test/runtimes

test: ## run the tests; what the machine lacks is skipped with the reason
	$(GOTEST) -timeout 30m $(LONG) ./...

test-again: ## run the tests N times in a row, every second time under load
	$(GO) run ./test/again -n $(N) $(LONG) ./...

test-kernels: ## run the tests on Debian's other kernels, under QEMU (root not needed; ten minutes)
	$(GO) run ./test/kernels

test-arm64: ## the same on arm64, which takes longer
	$(GO) run ./test/kernels -arch arm64

race: ## run the tests under the race detector
	CGO_ENABLED=1 $(GOTEST) -race ./...

fuzz: ## fuzz every parser for FUZZTIME
	@for target in $$(grep -rl --include='*_test.go' '^func Fuzz' . ); do \
		for name in $$(sed -n 's/^func \(Fuzz[A-Za-z]*\).*/\1/p' $$target); do \
			$(GOTEST) -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) ./$$(dirname $$target) || exit 1; \
		done; \
	done

lint: ## check formatting, style, words and imports
	.ci/words
	$(GOLANGCI_LINT) run --allow-parallel-runners

generate: ## regenerate the BPF objects and bindings, with the pinned clang
	BPF2GO_CC=$(CLANG) BPF2GO_STRIP=$(LLVM_STRIP) $(GO) generate ./...

docs: ## regenerate docs/usage.md from real runs (root)
	$(GO) run ./internal/gendocs

tiers: ## write docs/tiers.md from calls before every tier that this machine can have (root)
	UPDATE_GOLDEN=1 $(GO) test -count=1 ./pkg/trace -run '^TestCallTable$$'
	UPDATE_GOLDEN=1 $(GO) test -count=1 ./internal/gendocs -run '^TestTiersPage$$'

bench: ## compare with lsns, ps, strace and the bare system calls (root); writes docs/performance.md
	$(GO) run ./bench -runs 7 -scale 3 -fds 3 -out docs/performance.md
	$(GO) run ./bench trace -runs 7 -out docs/performance.md
	$(GO) run ./bench start -runs 25 -out docs/performance.md

cross: ## build for every supported architecture
	@for arch in amd64 arm64; do \
		echo "linux/$$arch"; \
		GOOS=linux GOARCH=$$arch $(GO) build -trimpath -o bin/nsinspect-linux-$$arch ./cmd/nsinspect || exit 1; \
		GOOS=linux GOARCH=$$arch $(GO) vet ./... || exit 1; \
	done

packages: ## build deb, rpm and bill of materials for amd64 and arm64 in dist/
	packaging/build amd64 arm64

test-packages: ## build packages twice and compare, install them in a clean Debian (root)
	packaging/test

clean: ## remove what was built
	rm -rf bin dist
