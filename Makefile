# SPDX-License-Identifier: Apache-2.0

GO            ?= go
GOLANGCI_LINT ?= $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZTIME      ?= 10s

.PHONY: help build test race fuzz lint generate docs bench cross clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/nsinspect, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/nsinspect ./cmd/nsinspect

test: ## run the tests; what the machine lacks is skipped with the reason
	$(GO) test ./...

race: ## run the tests under the race detector
	CGO_ENABLED=1 $(GO) test -race ./...

fuzz: ## fuzz every parser for FUZZTIME
	@for target in $$(grep -rl --include='*_test.go' '^func Fuzz' . ); do \
		for name in $$(sed -n 's/^func \(Fuzz[A-Za-z]*\).*/\1/p' $$target); do \
			$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) ./$$(dirname $$target) || exit 1; \
		done; \
	done

lint: ## check formatting, style and the walls between packages
	$(GOLANGCI_LINT) run

generate: ## make again what is generated from source
	$(GO) generate ./...

docs: ## write docs/usage.md again from real runs (root)
	$(GO) run ./internal/gendocs

bench: ## compare with lsns, ps, strace and the bare system calls (root); writes docs/performance.md
	$(GO) run ./bench -runs 7 -scale 3 -fds 3 -out docs/performance.md
	$(GO) run ./bench trace -runs 7 -out docs/performance.md

cross: ## build for every supported architecture
	@for arch in amd64 arm64; do \
		echo "linux/$$arch"; \
		CGO_ENABLED=0 GOOS=linux GOARCH=$$arch $(GO) build -trimpath -o bin/nsinspect-linux-$$arch ./cmd/nsinspect || exit 1; \
		GOOS=linux GOARCH=$$arch $(GO) vet ./... || exit 1; \
	done

clean: ## remove what was built
	rm -rf bin
