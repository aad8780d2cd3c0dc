//go:build tools

// Package tools pins KWOK, which plays nodes and pods; ../../build makes it.
package tools

import _ "sigs.k8s.io/kwok/cmd/kwok"
