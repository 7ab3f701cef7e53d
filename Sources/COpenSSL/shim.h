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
#include <stdlib.h>
#include <string.h>

// Transport

/// A context that speaks TLS 1.3 alone, without renegotiation, compression, tickets or a session cache, and gives
/// back its buffers when idle.
static inline SSL_CTX *copenssl_tls13(int server) {
    SSL_CTX *context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (context == NULL) return NULL;
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_read_ahead(context, 1);
    return context;
}

/// The application protocols there are, as ALPN writes one: its length, then its name. 0 clients, 1 peers, 2 requests
/// that one replica hands on to another.
static inline const unsigned char *copenssl_protocol(int which) {
    static const unsigned char http[] = "\x08" "http/1.1";
    static const unsigned char peer[] = "\x0f" "chartlog-peer/1";
    static const unsigned char forward[] = "\x12" "chartlog-forward/1";
    return which == 0 ? http : which == 1 ? peer : forward;
}

static inline int copenssl_choose_protocol(
    SSL *session, const unsigned char **out, unsigned char *length, const unsigned char *in, unsigned int count,
    void *argument) {
    const unsigned char *wanted = (const unsigned char *)argument;
    (void)session;
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, length, wanted, wanted[0] + 1u, in, count) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/// ALPN: a client offers the one protocol; a server takes it, and refuses a client that offers only others.
static inline int copenssl_speak(SSL_CTX *context, int which, int server) {
    const unsigned char *protocol = copenssl_protocol(which);
    if (server) {
        SSL_CTX_set_alpn_select_cb(context, copenssl_choose_protocol, (void *)protocol);
        return 1;
    }
    return SSL_CTX_set_alpn_protos(context, protocol, protocol[0] + 1u) == 0;
}

/// 1 once both sides have agreed on a protocol by ALPN.
static inline int copenssl_has_protocol(SSL *session) {
    const unsigned char *chosen = NULL;
    unsigned int count = 0;
    SSL_get0_alpn_selected(session, &chosen, &count);
    return count > 0;
}

/// 1 when the certificate that the other side proved to have bears this URI among its alternative names.
static inline int copenssl_peer_bears(SSL *session, const char *uri) {
    X509 *certificate = SSL_get1_peer_certificate(session);
    if (certificate == NULL || SSL_get_verify_result(session) != X509_V_OK) {
        X509_free(certificate);
        return 0;
    }
    int found = 0;
    size_t wanted = strlen(uri);
    GENERAL_NAMES *names = (GENERAL_NAMES *)X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int index = 0; names != NULL && index < sk_GENERAL_NAME_num(names); index += 1) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
        if (name->type != GEN_URI) continue;
        const ASN1_IA5STRING *text = name->d.uniformResourceIdentifier;
        if ((size_t)ASN1_STRING_length(text) == wanted && memcmp(ASN1_STRING_get0_data(text), uri, wanted) == 0)
            found = 1;
    }
    GENERAL_NAMES_free(names);
    X509_free(certificate);
    return found;
}

/// Copies the first URI of the certificate that the other side proved to have: its length, or -1 when there is none, or it
/// is longer than `count`.
static inline int copenssl_peer_uri(SSL *session, char *into, int count) {
    X509 *certificate = SSL_get1_peer_certificate(session);
    int length = -1;
    if (certificate != NULL && SSL_get_verify_result(session) == X509_V_OK) {
        GENERAL_NAMES *names = (GENERAL_NAMES *)X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
        for (int at = 0; names != NULL && at < sk_GENERAL_NAME_num(names); at += 1) {
            const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, at);
            if (name->type != GEN_URI) continue;
            const ASN1_IA5STRING *text = name->d.uniformResourceIdentifier;
            if (ASN1_STRING_length(text) <= count) {
                length = ASN1_STRING_length(text);
                memcpy(into, ASN1_STRING_get0_data(text), (size_t)length);
            }
            break;
        }
        GENERAL_NAMES_free(names);
    }
    X509_free(certificate);
    return length;
}

/// The certificates and the key of one PEM text each; 1 when they fit each other.
static inline int copenssl_identify(
    SSL_CTX *context, const void *chain, int chain_count, const void *key, int key_count) {
    int done = 0;
    BIO *text = BIO_new_mem_buf(chain, chain_count);
    BIO *secret = BIO_new_mem_buf(key, key_count);
    X509 *leaf = text == NULL ? NULL : PEM_read_bio_X509(text, NULL, NULL, NULL);
    EVP_PKEY *private_key = secret == NULL ? NULL : PEM_read_bio_PrivateKey(secret, NULL, NULL, (void *)"");
    if (leaf != NULL && private_key != NULL && SSL_CTX_use_certificate(context, leaf) == 1 &&
        SSL_CTX_use_PrivateKey(context, private_key) == 1 && SSL_CTX_check_private_key(context) == 1) {
        done = 1;
        X509 *above;
        while (done && (above = PEM_read_bio_X509(text, NULL, NULL, NULL)) != NULL) {
            if (SSL_CTX_add0_chain_cert(context, above) != 1) {
                X509_free(above);
                done = 0;
            }
        }
        ERR_clear_error();
    }
    X509_free(leaf);
    EVP_PKEY_free(private_key);
    BIO_free(text);
    BIO_free(secret);
    return done;
}

/// Trusts the certificates of one PEM text and no others; answers how many they are.
static inline int copenssl_trust(SSL_CTX *context, const void *authorities, int count) {
    int trusted = 0;
    BIO *text = BIO_new_mem_buf(authorities, count);
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    X509 *authority;
    while (text != NULL && (authority = PEM_read_bio_X509(text, NULL, NULL, NULL)) != NULL) {
        if (X509_STORE_add_cert(store, authority) == 1) trusted += 1;
        X509_free(authority);
    }
    ERR_clear_error();
    BIO_free(text);
    return trusted;
}

static inline void copenssl_demand_peer(SSL_CTX *context) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

/// A session over two memory buffers; the buffers belong to it.
static inline SSL *copenssl_session(SSL_CTX *context, int server) {
    SSL *session = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    if (session == NULL || in == NULL || out == NULL) {
        SSL_free(session);
        BIO_free(in);
        BIO_free(out);
        return NULL;
    }
    BIO_set_mem_eof_return(in, -1);
    BIO_set_mem_eof_return(out, -1);
    SSL_set_bio(session, in, out);
    if (server) SSL_set_accept_state(session);
    else SSL_set_connect_state(session);
    return session;
}

/// The name or numeric address that the other side's certificate must bear.
static inline int copenssl_expect_host(SSL *session, const char *host) {
    X509_VERIFY_PARAM *rules = SSL_get0_param(session);
    if (X509_VERIFY_PARAM_set1_ip_asc(rules, host) == 1) return 1;
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(session, host) == 1 && SSL_set_tlsext_host_name(session, host) == 1;
}

static inline int copenssl_give(SSL *session, const void *bytes, int count) {
    return BIO_write(SSL_get_rbio(session), bytes, count);
}
/// Whether bytes were given that were not read yet, or read and not handed out.
static inline int copenssl_has_input(SSL *session) {
    return BIO_ctrl_pending(SSL_get_rbio(session)) > 0 || SSL_has_pending(session);
}
static inline int copenssl_pending(SSL *session) { return (int)BIO_ctrl_pending(SSL_get_wbio(session)); }
static inline int copenssl_take(SSL *session, void *bytes, int count) {
    return BIO_read(SSL_get_wbio(session), bytes, count);
}

/// One extension by its number and OpenSSL's text for it.
static inline int copenssl_extend(X509 *certificate, X509 *issuer, int kind, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    if (extension == NULL) return 0;
    int done = X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return done;
}

/// A certificate for `key` named `name`, valid from a day before now for `days`, signed by `issuer` (NULL: by itself)
/// with `issuer_key`. `names` are subject alternative names in OpenSSL's text; NULL makes an authority.
static inline X509 *copenssl_certificate(
    EVP_PKEY *key, const char *name, const char *names, int days, X509 *issuer, EVP_PKEY *issuer_key) {
    X509 *certificate = X509_new();
    unsigned char serial[16];
    if (certificate == NULL || RAND_bytes(serial, sizeof serial) != 1) {
        X509_free(certificate);
        return NULL;
    }
    serial[0] = (serial[0] & 0x7f) | 0x40;
    BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    X509_NAME *subject = X509_get_subject_name(certificate);
    int done = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL &&
               X509_set_version(certificate, 2) == 1 &&
               X509_gmtime_adj(X509_getm_notBefore(certificate), -86400) != NULL &&
               X509_time_adj_ex(X509_getm_notAfter(certificate), days, 0, NULL) != NULL &&
               X509_set_pubkey(certificate, key) == 1 &&
               X509_NAME_add_entry_by_txt(
                   subject, "O", MBSTRING_UTF8, (const unsigned char *)"Chartlog", -1, -1, 0) == 1 &&
               X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) == 1;
    X509 *above = issuer == NULL ? certificate : issuer;
    done = done && X509_set_issuer_name(certificate, X509_get_subject_name(above)) == 1;
    done = done && copenssl_extend(certificate, above, NID_subject_key_identifier, "hash");
    if (names == NULL) {
        done = done && copenssl_extend(certificate, above, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
               copenssl_extend(certificate, above, NID_key_usage, "critical,keyCertSign,cRLSign");
    } else {
        done = done && copenssl_extend(certificate, above, NID_basic_constraints, "critical,CA:FALSE") &&
               copenssl_extend(certificate, above, NID_key_usage, "critical,digitalSignature") &&
               copenssl_extend(certificate, above, NID_ext_key_usage, "serverAuth,clientAuth") &&
               copenssl_extend(certificate, above, NID_authority_key_identifier, "keyid:always") &&
               copenssl_extend(certificate, above, NID_subject_alt_name, names);
    }
    done = done && X509_sign(certificate, issuer_key, EVP_sha256()) > 0;
    BN_free(number);
    if (done) return certificate;
    X509_free(certificate);
    return NULL;
}

static inline EVP_PKEY *copenssl_p256(void) { return EVP_EC_gen("P-256"); }

/// The bytes of a memory buffer; valid until it is written to or freed.
static inline const unsigned char *copenssl_bytes(BIO *memory, size_t *count) {
    char *bytes = NULL;
    long length = BIO_get_mem_data(memory, &bytes);
    *count = length < 0 ? 0 : (size_t)length;
    return (const unsigned char *)bytes;
}

/// Seconds until a certificate ends; negative when it has.
static inline int64_t copenssl_seconds_left(X509 *certificate) {
    int days = 0, seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) != 1) return 0;
    return (int64_t)days * 86400 + seconds;
}
#endif
