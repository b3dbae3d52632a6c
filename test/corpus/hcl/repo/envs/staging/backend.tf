terraform {
  backend "s3" {
    bucket = "acme-tf"
    key    = "staging/eks"
  }
}
