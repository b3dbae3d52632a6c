# staging
module "eks" {
  source = "../../modules/eks"

  name         = "staging"
  desired_size = 2
  min_size     = 1
}
