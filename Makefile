# ACCOffload. `make` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1
# For cluster-test only: the product refuses unknown variables with its prefix.
unexport ACCOFFLOAD_KUBERNETES

CONFIGURATION ?= Release
RIDS ?= linux-x64 linux-arm64
# The runtime identifier of this machine: the demo and the tests run its binaries.
HOST_RID := linux-$(if $(filter aarch64,$(shell uname -m)),arm64,x64)

# make certs: where the files go, and which names the ACC and the node have.
CERTS_DIR ?= out/pki
ACC_NAMES ?= accoffload-acc,localhost,127.0.0.1
NODE ?= node-1
CERTS_DAYS ?= 365

# make demo: the kind of the pods' devices.
DEVICE ?= veth
# Its executables: demo to build them without AOT compilation, or the runtime identifier of published ones.
DEMO_BINARIES ?= demo

# make tls-secrets: for which nodes, by which image, and where the certificates are on a node.
NODES ?= $(NODE)
DEPLOY_IMAGE ?=
NAMESPACE ?= accoffload
PKI_DIR ?= /etc/pki/infraagent/client

.DEFAULT_GOAL := help
.PHONY: help deps build publish publish-% demo test fuzz soak bench certs tls-secrets package devices-test cluster-test image image-test bundle update-test p4 format format-check clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-zA-Z0-9_-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## Install the missing Debian packages for all targets; deps-demo, deps-publish, … for one target
	@.ci/deps

deps-%:
	@.ci/deps $(subst +, ,$*)

build: ## Build everything, warnings are errors
	@dotnet build ACCOffload.sln -c $(CONFIGURATION) -v quiet -nologo

publish: deps-publish $(addprefix publish-,$(RIDS)) ## Publish AOT binaries to out/<rid>/ for linux-x64 and linux-arm64
	@.ci/check-publish $(RIDS)

publish-%:
	@.ci/publish $*

demo: deps-demo ## Two pods, one virtual router: see it work (root); DEVICE=veth, tap or ipvlan; DEMO_NAME= to run a second one at the same time; DEMO_BINARIES=linux-x64 to use the binaries of `make publish`
ifeq ($(DEMO_BINARIES),demo)
	@.ci/demo-build
endif
	@DEMO_BINARIES=$(DEMO_BINARIES) DEVICE=$(DEVICE) tests/demo/demo

test: deps-test publish ## Unit, property and integration tests (root for all of them)
	@tests/run

devices-test: deps-test publish-linux-x64 ## Pods with SR-IOV functions and devlink on Debian's kernel in a test VM (root, about 10 minutes under emulation): FRESH=1 DEVICES_MIRROR=
	@tests/Devices.Tests/run

cluster-test: deps-test publish-$(HOST_RID) ## A real Kubernetes on the product, and its own network tests (root, about 40 minutes): ACCOFFLOAD_KUBERNETES= CLUSTER_FOCUS= CLUSTER_TESTS= CLUSTER_API_AWAY=
	@rootfs/package/build $(HOST_RID)
	@dotnet build tests/Cluster.Tests -c Release -v quiet -nologo
	@ACCOFFLOAD_KUBERNETES="$(ACCOFFLOAD_KUBERNETES)" ACCOFFLOAD_TEST_SUITE_FOCUS="$(CLUSTER_FOCUS)" \
		ACCOFFLOAD_TEST_API_AWAY_SECONDS="$(CLUSTER_API_AWAY)" dotnet test tests/Cluster.Tests -c Release \
		--no-build --nologo -v quiet $(if $(CLUSTER_TESTS),--filter FullyQualifiedName~$(CLUSTER_TESTS)) --logger "console;verbosity=detailed"

soak: deps-test publish-$(HOST_RID) ## Load a node and kill its daemons at random while hostile peers attack it; check memory, handles, threads and logs: SOAK_MINUTES=60 SOAK_HOSTILE=0 (root)
	@tests/soak

fuzz: ## Feed damaged input to every entry point: FUZZ_INPUTS= (1,000,000 each) FUZZ_SEED= FUZZ_TARGETS= FUZZ_THREADS=
	@dotnet build tests/Fuzz.Tests -c Release -v quiet -nologo
	@dotnet tests/Fuzz.Tests/bin/Release/net10.0/ACCOffload.Fuzz.Tests.dll fuzz

bench: deps-test publish-$(HOST_RID) ## Measure the figures in docs/performance.md
	@benchmarks/run

certs: ## Make a CA and the role certificates: CERTS_DIR= ACC_NAMES= NODE= CERTS_DAYS=
	@rootfs/pki/make-certs --dir "$(CERTS_DIR)" --acc-names "$(ACC_NAMES)" --node "$(NODE)" --days "$(CERTS_DAYS)"

tls-secrets: ## Print a Secret and a Job for each node's certificate: CERTS_DIR= NODES="a b" DEPLOY_IMAGE= NAMESPACE= PKI_DIR=
	@host-stub/deploy/tls-secrets --dir "$(CERTS_DIR)" --image "$(DEPLOY_IMAGE)" --namespace "$(NAMESPACE)" --pki-dir "$(PKI_DIR)" $(NODES)

package: deps-publish+package $(addprefix publish-,$(RIDS)) ## Build .deb, .rpm and tarball of both sides for each of RIDS= into out/packages/
	@rootfs/package/build $(RIDS)

image: deps-publish+image publish-linux-arm64 ## Build the ACC's image into out/image/ (root): IMAGE_KERNEL= IMAGE_KEYRING= FRESH=1, see rootfs/README.md
	@rootfs/image/build

image-test: deps-test publish-$(HOST_RID) image ## Boot the image under emulation with host-stub beside it: pods, restarts, a power cut (root, some 15 minutes)
	@dotnet build tests/Image.Tests -c Release -v quiet -nologo
	@ACCOFFLOAD_TEST_IMAGE="$$(ls $(CURDIR)/out/image/accoffload-acc-*.img)" dotnet test tests/Image.Tests -c Release --no-build --nologo -v quiet \
		--filter FullyQualifiedName~ImageTests --logger "console;verbosity=detailed"

bundle: deps-image ## Make a signed update of the image that was built: BUNDLE_CERT= BUNDLE_KEY= (rootfs/update/make-keys)
	@rootfs/update/bundle

update-test: deps-test publish-$(HOST_RID) image ## Update the booted image: good, bad and interrupted updates (root, 20 to 40 minutes)
	@dotnet build tests/Image.Tests -c Release -v quiet -nologo
	@ACCOFFLOAD_TEST_IMAGE="$$(ls $(CURDIR)/out/image/accoffload-acc-*.img)" dotnet test tests/Image.Tests -c Release --no-build --nologo -v quiet \
		--filter FullyQualifiedName~UpdateTests --logger "console;verbosity=detailed"

p4: ## Compile p4src with p4c-dpdk (must be on PATH) and update the stamp
	@p4src/compile

format: ## Format the C# sources
	@dotnet format ACCOffload.sln

format-check:
	@dotnet format ACCOffload.sln --verify-no-changes

clean: ## Remove all build outputs and out/, with packages and images, but not the certificates of make certs
	@[[ ! -d out ]] || { find out -mindepth 1 -maxdepth 1 ! -name pki ! -path "$(CERTS_DIR)" -exec rm -rf {} +; rmdir --ignore-fail-on-non-empty out; }
	@find . -path ./.git -prune -o -type d \( -name bin -o -name obj -o -name TestResults \) -print -prune | xargs -r rm -rf
