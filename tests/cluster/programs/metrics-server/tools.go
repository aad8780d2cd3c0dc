//go:build tools

// Package tools pins the metrics server, which an autoscaler asks; ../../build makes it.
package tools

import _ "sigs.k8s.io/metrics-server/cmd/metrics-server"
