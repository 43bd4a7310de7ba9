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

variable "signed_url" {
  description = "The URL that the sender was given, where it is not the one that API Gateway sees. Null for that one."
  type        = string
  default     = null

  validation {
    condition     = var.signed_url == null ? true : local.signs_url
    error_message = "Source ${var.source_name} has a signed_url, which would have no effect, as its scheme does not sign the URL: remove it."
  }

  validation {
    condition     = var.signed_url == null ? true : can(regex("^https://[A-Za-z0-9.-]+(:[0-9]+)?/[!-\"$-~]*$", var.signed_url))
    error_message = "Source ${var.source_name} has signed_url \"${var.signed_url == null ? "" : var.signed_url}\": write it as the sender has it, https://host/path and possibly a query string, without a fragment or blanks."
  }
}

variable "verify_token" {
  description = "What the sender must know to have its URL confirmed, as Meta's do. Null for every other."
  type        = string
  default     = null

  validation {
    condition     = local.handshake == "meta" ? var.verify_token != null : true
    error_message = "Source ${var.source_name} is refused by its sender without a verify_token: add one of 16 to 128 letters, digits, - and _, and give the sender the same."
  }

  validation {
    condition     = var.verify_token == null ? true : local.handshake == "meta"
    error_message = "Source ${var.source_name} has a verify_token, which its sender never asks for: remove it."
  }

  # It becomes a part of a mapping template.
  validation {
    condition     = var.verify_token == null ? true : can(regex("^[A-Za-z0-9_-]{16,128}$", var.verify_token))
    error_message = "Source ${var.source_name} has a verify_token that is easily guessed or has other characters than letters, digits, - and _: make one of 16 to 128 of these."
  }
}

variable "handshake" {
  description = "Whether a function stands before the queue, to answer challenges that the sender POSTs to its URL."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = var.handshake ? local.handshake == "slack" || local.handshake == "zoom" : true
    error_message = "Source ${var.source_name} has handshake = true, but its sender POSTs no challenge that wants a computed answer: remove it. It is for ${join(" and ", [for name, scheme in local.presets : name if contains(["slack", "zoom"], lookup(scheme, "handshake", ""))])}."
  }
}

variable "custom_scheme" {
  description = <<-EOT
    How a sender without a preset signs. Null for a preset.
    - kind: "hmac" over the body, or "token", a shared secret sent as it is
    - digest: "sha256" (default), "sha1" or "sha512"
    - key_encoding: how the secret is written: "utf8" (default), "base64", "hex" or "base64-after-whsec_"
    - signature: its header; the prefix of a signature that counts; the separator of several, ",", ";" or " "; its encoding, "hex" (default) or "base64"
    - timestamp: when it signed: in a header, an item of the signature header that begins with prefix, or at a JSON pointer into the body; unit "seconds" (default), "milliseconds" or "iso8601"
    - signed: what is signed, of {id}, {timestamp}, {method}, {url} and {body}; the body alone by default
    - id, type: where the event's are: a header, a JSON pointer into the body, or a field of a form
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
      header  = optional(string)
      prefix  = optional(string)
      pointer = optional(string)
      unit    = optional(string)
    }))
    signed = optional(string)
    id = optional(object({
      header  = optional(string)
      pointer = optional(string)
      form    = optional(string)
    }))
    type = optional(object({
      header  = optional(string)
      pointer = optional(string)
      form    = optional(string)
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
    condition     = alltrue([for timestamp in var.custom_scheme[*].timestamp : length(compact([timestamp.header, timestamp.prefix, timestamp.pointer])) == 1 if timestamp != null])
    error_message = "The custom scheme of ${var.source_name} must say where its timestamp is in one way: timestamp.header for a header of its own, timestamp.prefix for an item of the signature header, or timestamp.pointer for a place in the JSON body."
  }

  validation {
    condition     = alltrue([for timestamp in var.custom_scheme[*].timestamp : contains(["seconds", "milliseconds", "iso8601"], timestamp.unit) if timestamp == null ? false : timestamp.unit != null])
    error_message = "The custom scheme of ${var.source_name} has an unknown timestamp.unit: set it to \"seconds\", \"milliseconds\" or \"iso8601\"."
  }

  validation {
    condition     = alltrue([for scheme in var.custom_scheme[*] : scheme.signature.separator != null if scheme.timestamp == null ? false : scheme.timestamp.prefix != null])
    error_message = "The custom scheme of ${var.source_name} has timestamp.prefix, an item of the signature header, but no signature.separator to tell the items apart: set it to \",\", \";\" or \" \"."
  }

  validation {
    condition     = alltrue([for place in flatten([for scheme in var.custom_scheme[*] : [scheme.id[*], scheme.type[*]]]) : length(compact([place.header, place.pointer, place.form])) == 1])
    error_message = "The custom scheme of ${var.source_name} must say where id and type are in one way each: header, pointer for a place in the JSON body, or form for a field of a form."
  }

  validation {
    condition     = alltrue([for place in flatten([for scheme in var.custom_scheme[*] : [scheme.timestamp[*], scheme.id[*], scheme.type[*]]]) : startswith(place.pointer, "/") if place.pointer != null])
    error_message = "The custom scheme of ${var.source_name} has a pointer that is no JSON pointer: begin it with /, as in \"/event/id\"."
  }

  validation {
    condition     = alltrue([for scheme in var.custom_scheme[*] : length(regexall("\\{body\\}", scheme.signed)) == 1 if scheme.kind == "hmac" && scheme.signed != null])
    error_message = "The custom scheme of ${var.source_name} does not sign the body, so anybody could change it: write {body} into signed, once."
  }

  validation {
    condition     = alltrue([for scheme in var.custom_scheme[*] : length(setsubtract(regexall("\\{(?:\\w*|/[^{}]*)\\}", scheme.signed), ["{id}", "{timestamp}", "{method}", "{url}", "{body}"])) == 0 if scheme.signed != null])
    error_message = "The custom scheme of ${var.source_name} has a placeholder in signed that is not known: use {id}, {timestamp}, {method}, {url} and {body}."
  }

  validation {
    condition     = alltrue([for scheme in var.custom_scheme[*] : !can(regex("\\{id\\}(\\{|$)", scheme.signed)) if scheme.signed != null])
    error_message = "The custom scheme of ${var.source_name} signs {id} without a text after it, so that its end could be taken for what follows: sign as the sender does, which must set it off, as in {id}.{body}."
  }

  validation {
    condition     = alltrue([for scheme in var.custom_scheme[*] : scheme.timestamp != null if scheme.signed == null ? false : strcontains(scheme.signed, "{timestamp}")])
    error_message = "The custom scheme of ${var.source_name} signs {timestamp} without saying where it is: add timestamp = { header = \"...\" }, { prefix = \"...\" } for an item of the signature header, or { pointer = \"...\" } for a place in the JSON body."
  }

  # One in the body is signed with it.
  validation {
    condition     = alltrue([for scheme in var.custom_scheme[*] : scheme.signed == null ? false : strcontains(scheme.signed, "{timestamp}") if scheme.kind != "hmac" || scheme.timestamp == null ? false : scheme.timestamp.pointer == null])
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
