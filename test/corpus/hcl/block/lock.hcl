# This file is maintained automatically by "terraform init".
# Manual edits may be lost in future updates.

provider "registry.terraform.io/hashicorp/aws" {
  version     = "5.61.0"
  constraints = ">= 5.0.0, ~> 5.40"
  hashes = [
    "h1:q0iTLDFQFyyTBZvS0aBfgbO8wbIXd9dHN8hc5wAjBnc=",
    "zh:0b8b6a8c5a5a4a4a",
  ]
}
