# prod
module "eks" {
  source = "../../modules/eks"

  name         = "prod"
  desired_size = 6
  min_size     = 3
  volume_size  = 200 # grown in June
}
