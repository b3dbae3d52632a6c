// Package change decides how a wish becomes a pull request: which file declares the value (Locate), which bytes of it change
// (the editors for YAML and HCL), what the pull request says, and what is done next in its life. It is pure: it reads a Tree that
// somebody fetched, and says what to do to a Forge; package handlers does it.
package change
