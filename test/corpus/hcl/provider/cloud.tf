terraform {
  cloud {
    organization = "acme"
    workspaces {
      tags = ["eks", "prod"]
    }
  }
}
