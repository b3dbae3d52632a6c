node_groups = {
  general = {
    instance_types = ["m6i.xlarge"]
    scaling = {
      min = 3, max = 12, desired = 6
    }
  }
  spot = {
    instance_types = [
      "m5.xlarge",
      "m5a.xlarge",
    ]
    scaling = { min = 0, max = 40, desired = 8, }
  }
}
