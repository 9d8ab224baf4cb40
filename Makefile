# Everything here needs Go only; tools are fetched by the Go command itself.

GO            ?= go
GOLANGCI_LINT ?= github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2
GOVULNCHECK   ?= golang.org/x/vuln/cmd/govulncheck@latest

# For `make sim`: how many sagas, from which seed (0 is a random one).
N    ?= 200000
SEED ?= 0

.PHONY: help
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z\/-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/amends
	$(GO) build -trimpath -o bin/amends ./cmd/amends

.PHONY: demo
demo: ## Watch checkouts complete, roll back and survive a crash (10 s)
	$(GO) run ./cmd/amends demo

.PHONY: test
test: vet ## Run all tests: unit, stories, simulator, servers, killed processes
	$(GO) test -race -shuffle=on -timeout 12m ./...

.PHONY: short
short: ## Run the tests that take seconds, without the race detector
	$(GO) test -short ./...

.PHONY: vet
vet: ## Check formatting and run go vet
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "run gofmt on: $$unformatted"; exit 1; }
	$(GO) vet ./...

.PHONY: lint
lint: vet ## Run the linters of .golangci.yml (builds them first: minutes)
	$(GO) run $(GOLANGCI_LINT) run

.PHONY: vuln
vuln: ## Look for known vulnerabilities in what is used
	$(GO) run $(GOVULNCHECK) ./...

.PHONY: sim
sim: ## Simulate N faulty sagas (N=1000000 SEED=42)
	$(GO) test ./saga -run '^TestSimulate$$' -count=1 -v -timeout 30m -sim.n=$(N) -sim.seed=$(SEED)

# For `make sim-deep`: how many faults are combined.
DEPTH ?= 3

.PHONY: sim-deep
sim-deep: ## Combine every three faults on every path, walk and fuzz deeper (hours)
	$(GO) test ./saga -run '^(TestExhaustive|TestEveryPathEveryPrefix|TestAnyEvents)$$' -count=1 -v -timeout 48h -sim.depth=$(DEPTH) -walk.depth=2 -rapid.checks=1000000

.PHONY: mutants
mutants: ## Put known bugs into the core; each must be caught
	AMENDS_MUTANTS=1 $(GO) test ./internal/mutants -count=1 -v -timeout 20m

.PHONY: mutants-doc
mutants-doc: ## Renew docs/mutants.md, after stories or the simulator have changed
	AMENDS_MUTANTS=1 $(GO) test ./internal/mutants -count=1 -timeout 20m -mutants.write

.PHONY: chaos
chaos: build ## Kill real processes under load, longer than the tests do
	AMENDS_CHAOS_KILLS=300 $(GO) test ./chaos -count=1 -v -timeout 60m

.PHONY: bench
bench: build ## Measure checkouts per second and a flash sale, both durabilities
	bin/amends bench -c 64 --durability interval
	bin/amends bench -c 64 --durability disk
	bin/amends bench inventory --durability interval
	bin/amends bench inventory --durability disk
