package import Files

/// Why something about keys did not come about.
package enum KeyError: Error, Equatable, Sendable {
    /// libcrypto refused: no memory, no randomness, or an algorithm it does not have. Nothing was produced.
    case failed
    /// The tag does not match: another key, other associated data, or changed bytes. Which of them cannot be told.
    case wrongKey
    /// The bytes are not of the stated form: too short, a bad checksum in both copies, not a root key, not an age file
    /// or an escrow.
    case malformed
    /// No such key here. It says nothing about whether there ever was one. Of an age file: it is for other kinds of
    /// identities than those at hand.
    case missing
    /// The key file, or a key's number of uses, is full.
    case exhausted
    /// The key file was written for another cluster.
    case otherCluster
    case file(FileError)
}
