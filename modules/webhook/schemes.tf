module "scheme" {
  source   = "../scheme"
  for_each = var.sources

  source_name   = each.key
  scheme        = each.value.scheme
  custom_scheme = each.value.custom_scheme
  insecure      = each.value.insecure
}
