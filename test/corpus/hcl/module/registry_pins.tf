module "vpc" {
  source  = "terraform-aws-modules/vpc/aws"
  version = ">= 5.0, < 6.0"

  name = "shop"
  cidr = "10.0.0.0/16"

  azs             = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
  private_subnets = ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"]
  public_subnets  = [for k, v in local.azs : cidrsubnet(local.vpc_cidr, 8, k + 48)]

  enable_nat_gateway     = true
  single_nat_gateway     = false
  one_nat_gateway_per_az = !var.cheap
}

module "by_git" {
  source = "git::ssh://git@github.com/acme/terraform-modules.git//eks?ref=v1.4.2"
  size   = 3
}

module "by_path" {
  source     = "../../modules/queue"
  count      = 2
  depth      = count.index + 1
  depends_on = [module.vpc]
  providers = {
    aws       = aws.west
    aws.other = aws
  }
}
