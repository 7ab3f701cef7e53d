internal import Keys

/// Constants of a run's file: sealed pages of 4 KiB, each nonce ‖ ciphertext ‖ tag over 4,068 plain bytes, short ones
/// filled with zeros. Entries first, then fences (the first key of each entry page), filter, and one summary.
enum RunFormat {
    static let version: UInt32 = 1
    static let pageBytes = 4096
    static let plainBytes = pageBytes - Crypto.overheadBytes
    static let wordsInPage = plainBytes / 8

    enum Role: UInt8 {
        /// u16 count, then for each a varint key (the first whole, the others as difference) and a varint position.
        case entries = 1
        case fences = 2
        case filter = 3
        /// u32 version, u64 entries, u32 entry pages, u32 first filter page, u64 filter words.
        case summary = 4
    }
}
