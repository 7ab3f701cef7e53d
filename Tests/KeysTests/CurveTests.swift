import Bytes
import Keys
import Testing

struct AgreementVector: Sendable {
    let secret, publicKey, agreed: String
}

struct SigningVector: Sendable {
    let seed, publicKey, message, signature: String
}

@Suite struct CurveTests {
    /// RFC 7748, sections 5.2 and 6.1.
    @Test(arguments: [
        AgreementVector(
            secret: "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            publicKey: "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            agreed: "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"),
        AgreementVector(
            secret: "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            publicKey: "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            agreed: "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"),
        AgreementVector(
            secret: "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
            publicKey: "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
            agreed: "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"),
        AgreementVector(
            secret: "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
            publicKey: "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
            agreed: "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"),
    ])
    func `agreement agrees with the published cases of X25519`(vector: AgreementVector) throws {
        let agreed = try X25519.agreed(
            SecretKey(try bytes(vector.secret)), with: try bytes(vector.publicKey))
        #expect(agreed == SecretKey(try bytes(vector.agreed)))
    }

    @Test func `the public keys of the published case are its public keys`() throws {
        let pairs = [
            (
                "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
                "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
            ),
            (
                "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
                "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
            ),
        ]
        for (secret, publicKey) in pairs {
            #expect(Hex.text(of: try X25519.publicKey(of: SecretKey(try bytes(secret)))) == publicKey)
        }
    }

    /// Points of small order: nothing, one, one of order eight, and p + 1, which is one written otherwise.
    @Test(arguments: [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ])
    func `a public key that keeps no secret is refused, as is one of another length`(publicKey: String) throws {
        let secret = SecretKey([UInt8](1...32))
        let point = try bytes(publicKey)
        #expect(throws: KeyError.malformed) { try X25519.agreed(secret, with: point) }
        #expect(throws: KeyError.malformed) { try X25519.agreed(secret, with: point + [0]) }
        #expect(throws: KeyError.malformed) { try X25519.agreed(secret, with: []) }
    }

    /// RFC 8032, section 7.1, tests 1 to 3 and "SHA(abc)".
    @Test(arguments: [
        SigningVector(
            seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", message: "",
            signature: "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
                + "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        SigningVector(
            seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", message: "72",
            signature: "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
        SigningVector(
            seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", message: "af82",
            signature: "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                + "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
        SigningVector(
            seed: "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
            publicKey: "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
            message: "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            signature: "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
                + "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"),
    ])
    func `signing agrees with the published cases of Ed25519`(vector: SigningVector) throws {
        let key = try SigningKey(seed: SecretKey(try bytes(vector.seed)))
        let message = try bytes(vector.message)
        #expect(Hex.text(of: key.publicKey) == vector.publicKey)
        let signature = try key.sign(message)
        #expect(Hex.text(of: signature) == vector.signature)
        #expect(SigningKey.verify(signature, of: message, publicKey: key.publicKey))
    }

    @Test func `a signature is nobody's once any bit of it, of the message or of the key is another`() throws {
        let key = try SigningKey(seed: SecretKey([UInt8](0..<32)))
        let message = Array("the manifest of a backup".utf8)
        let signature = try key.sign(message)
        func isValid(_ signature: [UInt8], _ message: [UInt8], _ publicKey: [UInt8]) -> Bool {
            SigningKey.verify(signature, of: message, publicKey: publicKey)
        }
        #expect(isValid(signature, message, key.publicKey))
        for bit in 0..<(signature.count * 8) {
            #expect(!isValid(flipped(signature, bit), message, key.publicKey))
        }
        for bit in 0..<(message.count * 8) { #expect(!isValid(signature, flipped(message, bit), key.publicKey)) }
        for bit in 0..<(key.publicKey.count * 8) {
            #expect(!isValid(signature, message, flipped(key.publicKey, bit)))
        }
        for wrong in [[], Array(signature.dropLast()), signature + [0]] {
            #expect(!isValid(wrong, message, key.publicKey))
        }
        for wrong in [[], Array(key.publicKey.dropLast()), key.publicKey + [0]] {
            #expect(!isValid(signature, message, wrong))
        }
    }

    /// The same number modulo the group's order, which a checker that does not insist on the reduced one lets pass.
    @Test func `a signature whose number is not reduced is nobody's`() throws {
        let key = try SigningKey(seed: SecretKey([UInt8](0..<32)))
        let signature = try key.sign([1])
        let order = try bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        var other = signature
        var carry = 0
        for index in 0..<32 {
            let sum = Int(signature[32 + index]) + Int(order[index]) + carry
            other[32 + index] = UInt8(sum & 0xff)
            carry = sum >> 8
        }
        try #require(carry == 0 && SigningKey.verify(signature, of: [1], publicKey: key.publicKey))
        #expect(!SigningKey.verify(other, of: [1], publicKey: key.publicKey))
    }
}

/// The bytes with one bit turned.
func flipped(_ bytes: [UInt8], _ bit: Int) -> [UInt8] {
    var changed = bytes
    changed[bit / 8] ^= 1 << UInt8(bit % 8)
    return changed
}
