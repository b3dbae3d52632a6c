package change

// SourceAnnotation on an object says where it is declared: "owner/name", "owner/name//folder", "owner/name//folder@branch".
const SourceAnnotation = "autopilot.dev/source"
