// Package price says what a vCPU-hour, a GiB-hour, a node and a volume cost, and whose cost it is.
//
// It is pure: the adapter of AWS hands it list prices and bills, the scan task asks it, and the digest adds up what it allocated.
package price
