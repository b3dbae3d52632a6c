// Package bot is how Autopilot speaks with Slack: sockets, decoding, answering and delivering.
//
// It is the only importer of slack-go. What a payload means is decided by its Handler, what a message shows is drawn by
// package view, and what is wanted is kept by its Outbox; cmd/autopilot hands these over.
package bot
