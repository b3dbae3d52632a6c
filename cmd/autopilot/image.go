package main

import (
	// An image of nothing but the program has neither the certificates of public authorities nor time zones. Those of the machine win.
	_ "time/tzdata"

	_ "golang.org/x/crypto/x509roots/fallback"
)
