module "scheme" {
  source   = "../scheme"
  for_each = var.sources

  source_name   = each.key
  scheme        = each.value.scheme
  custom_scheme = each.value.custom_scheme
  insecure      = each.value.insecure
  signed_url    = each.value.signed_url
  verify_token  = each.value.verify_token
  handshake     = each.value.handshake
}
