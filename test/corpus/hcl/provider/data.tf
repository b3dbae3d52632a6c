data "aws_ami" "eks" {
  most_recent = true
  owners      = ["602401143452"]
  filter {
    name   = "name"
    values = ["amazon-eks-node-1.30-v*"]
  }
}

data "terraform_remote_state" "vpc" {
  backend = "s3"
  config = {
    bucket = "acme-state"
    key    = "prod/vpc.tfstate"
    region = "eu-west-1"
  }
}
