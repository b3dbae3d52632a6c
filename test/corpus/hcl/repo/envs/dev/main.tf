# dev
module "eks" {
  source = "../../modules/eks"

  name         = "dev"
  desired_size = 1
  min_size     = 1
}
