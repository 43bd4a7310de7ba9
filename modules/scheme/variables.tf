variable "source_name" {
  description = "The source that signs so, for the sentences of this module's errors."
  type        = string
}

variable "scheme" {
  description = "Name of a preset in lambdas/common/schemes.json. Null for a custom scheme."
  type        = string
  default     = null

  validation {
    condition     = (var.scheme == null) != (var.custom_scheme == null)
    error_message = "Source ${var.source_name} must have either scheme or custom_scheme, one and not both: name a preset (${join(", ", keys(local.presets))}) or describe how it signs."
  }

  validation {
    condition     = var.scheme == null ? true : contains(keys(local.presets), var.scheme)
    error_message = "Source ${var.source_name} has scheme \"${var.scheme == null ? "" : var.scheme}\", which nobody has described: use one of ${join(", ", keys(local.presets))}, or describe it in custom_scheme."
  }
}

variable "insecure" {
  description = "True for a source that does not sign, and only there: it says that whoever knows the URL may send."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = var.scheme == "unsigned" ? var.insecure : true
    error_message = "Source ${var.source_name} is unsigned, so whoever knows its URL can send anything: choose a scheme that signs, or say that this is meant with insecure = true."
  }

  validation {
    condition     = var.insecure ? var.scheme == "unsigned" : true
    error_message = "Source ${var.source_name} is signed, and insecure = true would have no effect: remove it, or set scheme = \"unsigned\" if nothing is to be verified."
  }
}

variable "custom_scheme" {
  description = <<-EOT
    How a sender without a preset signs. Null for a preset.
    - kind: "hmac" over the body, or "token", a shared secret sent as it is
    - digest: "sha256" (default), "sha1" or "sha512"
    - key_encoding: how the secret is written: "utf8" (default), "base64", "hex" or "base64-after-whsec_"
    - signature: its header; the prefix of a signature that counts; the separator of several, ",", ";" or " "; its encoding, "hex" (default) or "base64"
    - timestamp: when it signed: in a header, or an item of the signature header that begins with prefix; unit "seconds" (default) or "milliseconds"
    - signed: what is signed, of {id}, {timestamp} and {body}; the body alone by default
    - id, type: where the event's are: a header, or a JSON pointer into the body
  EOT
  type = object({
    kind         = string
    digest       = optional(string)
    key_encoding = optional(string)
    signature = object({
      header    = string
      prefix    = optional(string)
      separator = optional(string)
      encoding  = optional(string)
    })
    timestamp = optional(object({
      header = optional(string)
      prefix = optional(string)
      unit   = optional(string)
    }))
    signed = optional(string)
    id = optional(object({
      header  = optional(string)
      pointer = optional(string)
    }))
    type = optional(object({
      header  = optional(string)
      pointer = optional(string)
    }))
  })
  default = null

  validation {
    condition     = alltrue([for scheme in var.custom_scheme[*] : contains(["hmac", "token"], scheme.kind)])
    error_message = "The custom scheme of ${var.source_name} needs kind = \"hmac\" (a signature over the body) or \"token\" (a shared secret in a header)."
  }

  validation {
    condition     = alltrue([for scheme in var.custom_scheme[*] : contains(["sha1", "sha256", "sha512"], scheme.digest) if scheme.digest != null])
    error_message = "The custom scheme of ${var.source_name} has an unknown digest: set it to \"sha256\", \"sha512\" or, if the sender has nothing better, \"sha1\"."
  }

  validation {
    condition     = alltrue([for scheme in var.custom_scheme[*] : contains(["utf8", "base64", "hex", "base64-after-whsec_"], scheme.key_encoding) if scheme.key_encoding != null])
    error_message = "The custom scheme of ${var.source_name} has an unknown key_encoding: set it to \"utf8\" (the secret's text is the key), \"base64\", \"hex\" or \"base64-after-whsec_\"."
  }

  validation {
    condition     = alltrue([for signature in var.custom_scheme[*].signature : contains(["hex", "base64"], signature.encoding) if signature.encoding != null])
    error_message = "The custom scheme of ${var.source_name} has an unknown signature.encoding: set it to \"hex\" or \"base64\"."
  }

  validation {
    condition     = alltrue([for signature in var.custom_scheme[*].signature : contains([",", ";", " "], signature.separator) if signature.separator != null])
    error_message = "The custom scheme of ${var.source_name} has an unknown signature.separator: set it to \",\", \";\" or \" \", or leave it out where the header holds one signature."
  }

  # RFC 9110, 5.6.2, without what API Gateway has a meaning of its own for in a mapping expression.
  validation {
    condition = alltrue([
      for field in flatten([for scheme in var.custom_scheme[*] : [[scheme.signature], scheme.timestamp[*], scheme.id[*], scheme.type[*]]]) :
      can(regex("^[A-Za-z0-9_-]{1,100}$", field.header)) if field.header != null
    ])
    error_message = "The custom scheme of ${var.source_name} names a header that cannot be one: use letters, digits, - and _, without a colon."
  }

  validation {
    condition     = alltrue([for timestamp in var.custom_scheme[*].timestamp : (timestamp.header == null) != (timestamp.prefix == null) if timestamp != null])
    error_message = "The custom scheme of ${var.source_name} must say where its timestamp is in one way: timestamp.header for a header of its own, or timestamp.prefix for an item of the signature header."
  }

  validation {
    condition     = alltrue([for timestamp in var.custom_scheme[*].timestamp : contains(["seconds", "milliseconds"], timestamp.unit) if timestamp == null ? false : timestamp.unit != null])
    error_message = "The custom scheme of ${var.source_name} has an unknown timestamp.unit: set it to \"seconds\" or \"milliseconds\"."
  }

  validation {
    condition     = alltrue([for scheme in var.custom_scheme[*] : scheme.signature.separator != null if scheme.timestamp == null ? false : scheme.timestamp.prefix != null])
    error_message = "The custom scheme of ${var.source_name} has timestamp.prefix, an item of the signature header, but no signature.separator to tell the items apart: set it to \",\", \";\" or \" \"."
  }

  validation {
    condition     = alltrue([for place in flatten([for scheme in var.custom_scheme[*] : [scheme.id[*], scheme.type[*]]]) : (place.header == null) != (place.pointer == null)])
    error_message = "The custom scheme of ${var.source_name} must say where id and type are in one way each: header, or pointer for a place in the JSON body."
  }

  validation {
    condition     = alltrue([for place in flatten([for scheme in var.custom_scheme[*] : [scheme.id[*], scheme.type[*]]]) : startswith(place.pointer, "/") if place.pointer != null])
    error_message = "The custom scheme of ${var.source_name} has a pointer that is no JSON pointer: begin it with /, as in \"/event/id\"."
  }

  validation {
    condition     = alltrue([for scheme in var.custom_scheme[*] : length(regexall("\\{body\\}", scheme.signed)) == 1 if scheme.kind == "hmac" && scheme.signed != null])
    error_message = "The custom scheme of ${var.source_name} does not sign the body, so anybody could change it: write {body} into signed, once."
  }

  validation {
    condition     = alltrue([for scheme in var.custom_scheme[*] : length(setsubtract(regexall("\\{[a-z_]+\\}", scheme.signed), ["{id}", "{timestamp}", "{body}"])) == 0 if scheme.signed != null])
    error_message = "The custom scheme of ${var.source_name} has a placeholder in signed that is not known: use {id}, {timestamp} and {body}."
  }

  validation {
    condition     = alltrue([for scheme in var.custom_scheme[*] : scheme.timestamp != null if scheme.signed == null ? false : strcontains(scheme.signed, "{timestamp}")])
    error_message = "The custom scheme of ${var.source_name} signs {timestamp} without saying where it is: add timestamp = { header = \"...\" }, or { prefix = \"...\" } for an item of the signature header."
  }

  validation {
    condition     = alltrue([for scheme in var.custom_scheme[*] : scheme.signed == null ? false : strcontains(scheme.signed, "{timestamp}") if scheme.kind == "hmac" && scheme.timestamp != null])
    error_message = "The custom scheme of ${var.source_name} has a timestamp that is not signed, which proves nothing: write {timestamp} into signed where the sender puts it, or leave timestamp out."
  }

  validation {
    condition     = alltrue([for scheme in var.custom_scheme[*] : scheme.id == null ? false : scheme.id.header != null if scheme.signed == null ? false : strcontains(scheme.signed, "{id}")])
    error_message = "The custom scheme of ${var.source_name} signs {id}, which must then be in a header: add id = { header = \"...\" }."
  }

  validation {
    condition     = alltrue([for scheme in var.custom_scheme[*] : scheme.digest == null && scheme.key_encoding == null && scheme.timestamp == null && scheme.signed == null if scheme.kind == "token"])
    error_message = "The custom scheme of ${var.source_name} is a token, which signs nothing: leave digest, key_encoding, timestamp and signed out, or set kind = \"hmac\"."
  }
}
