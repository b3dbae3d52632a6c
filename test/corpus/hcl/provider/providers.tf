provider "aws" {
  region = var.region
  assume_role {
    role_arn     = "arn:aws:iam::123456789012:role/deploy"
    session_name = "terraform"
    duration     = "1h"
  }
  default_tags {
    tags = { ManagedBy = "terraform", Repo = "acme/infra" }
  }
}

provider "aws" {
  alias  = "west"
  region = "us-west-2"
}

provider "kubernetes" {
  host                   = module.eks.cluster_endpoint
  cluster_ca_certificate = base64decode(module.eks.cluster_certificate_authority_data)
  exec {
    api_version = "client.authentication.k8s.io/v1beta1"
    command     = "aws"
    args        = ["eks", "get-token", "--cluster-name", module.eks.cluster_name]
  }
}
