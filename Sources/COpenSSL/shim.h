// OpenSSL 3.0. Its macros do not reach Swift; what is needed of them stands here as inline functions.
#ifndef CHARTLOG_COPENSSL_H
#define CHARTLOG_COPENSSL_H
// SHA256_CTX is a plain value of 112 bytes: hashing with it allocates nothing and its state can be copied, which is
// what a precomputed HMAC key is. OpenSSL 3 marks these functions deprecated in favour of EVP, which does neither.
#ifndef OPENSSL_SUPPRESS_DEPRECATED
#define OPENSSL_SUPPRESS_DEPRECATED
#endif
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// OPENSSL_secure_malloc and its kin are macros that carry the file and the line.
static inline void *copenssl_secure_malloc(size_t count) { return CRYPTO_secure_malloc(count, __FILE__, __LINE__); }
static inline void *copenssl_malloc(size_t count) { return CRYPTO_malloc(count, __FILE__, __LINE__); }
static inline void copenssl_secure_clear_free(void *bytes, size_t count) {
    CRYPTO_secure_clear_free(bytes, count, __FILE__, __LINE__);
}
#endif
