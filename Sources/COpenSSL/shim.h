// OpenSSL 3.0. Its macros do not reach Swift; what is needed of them stands here as inline functions.
#ifndef CHARTLOG_COPENSSL_H
#define CHARTLOG_COPENSSL_H
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#endif
