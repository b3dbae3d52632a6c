terraform {
  required_version = ">= 1.5, < 2.0"

  required_providers {
    aws = {
      source                = "hashicorp/aws"
      version               = "~> 5.40"
      configuration_aliases = [aws.west, aws.east]
    }
    kubernetes = { source = "hashicorp/kubernetes", version = ">= 2.20" }
  }

  backend "s3" {
    bucket         = "acme-state"
    key            = "prod/eks.tfstate"
    region         = "eu-west-1"
    encrypt        = true
    dynamodb_table = "locks"
  }
}
