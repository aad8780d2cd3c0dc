//go:build tools

// Package tools pins the programs of Chaos Mesh that a named command sets beside Ordeal; ../../build makes them.
package tools

import (
	_ "github.com/chaos-mesh/chaos-mesh/cmd/chaos-controller-manager"
	_ "github.com/chaos-mesh/chaos-mesh/cmd/chaos-daemon"
)
