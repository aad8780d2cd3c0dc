//go:build tools

// Package tools pins Helm; ../../build makes it.
package tools

import _ "helm.sh/helm/v4/cmd/helm"
