internal import Bytes
internal import Files
internal import Keys

/// Every frame of one segment, read in order and held against the one before: the one judge of frames, for opening,
/// closing, scrubbing and verifying alike.
struct SegmentScan {
    var index: FrameIndex
    var terms = TermRuns()
    var headersSum: UInt32 = 0
    /// After the last frame that is whole.
    var end: ChainEnd
    /// What is wrong with the next one; nil when the table or the asked-for range ended first.
    var flaw: FrameFlaw?
    /// Whether the header of the flawed frame is whole and in its place.
    var headerSurvives = false
    /// Bytes of the headers of the whole frames, and their leaves, when they were asked for.
    var frameHeaders: [UInt8] = []
    var leaves = FrameLeaves.none

    private let keepsLeaves: Bool

    /// - Parameter keepsLeaves: for a footer.
    init(_ segment: SegmentHeader, from start: ChainEnd, keepsLeaves: Bool) {
        index = FrameIndex(segment)
        end = start
        self.keepsLeaves = keepsLeaves
    }

    /// Begins behind frames that are known to be whole.
    mutating func goOn(from end: ChainEnd, index: FrameIndex, terms: TermRuns, headersSum: UInt32) {
        precondition(!keepsLeaves)
        self.end = end
        self.index = index
        self.terms = terms
        self.headersSum = headersSum
    }

    /// - Parameter through: the last index to look at; by default as many as the table has places for.
    mutating func run<Store: FileStore>(
        _ reader: SegmentReader<Store>, through: UInt64 = .max, crypto: Crypto, leafReader: some LeafReader
    ) throws(LogError) {
        let segment = reader.header
        let last = min(through, segment.description.firstIndex + UInt64(segment.description.slots) - 1)
        while end.nextIndex <= last {
            let found = try reader.frameHeader(end.nextIndex, lastIndex: last)
            switch try judge(found, with: reader, crypto: crypto, leafReader: leafReader) {
            case .failure(let found):
                flaw = found
                return
            case .success(let whole):
                end.pass(
                    whole.header, hash: FrameCodec.hash(header: found.bytes, in: found.range, leaves: whole.leaves))
                headersSum = HeadersSum.adding(found.bytes, in: found.range, to: headersSum)
                index.append(whole.header)
                terms.append(whole.header.index, term: whole.header.term)
                if keepsLeaves {
                    frameHeaders.append(contentsOf: found.bytes[found.range])
                    leaves.events.append(contentsOf: whole.leaves.events)
                    leaves.records.append(contentsOf: whole.leaves.records)
                }
            }
        }
    }

    /// Whether what was found is the next frame, whole.
    private mutating func judge<Store: FileStore>(
        _ found: FoundHeader, with reader: SegmentReader<Store>, crypto: Crypto, leafReader: some LeafReader
    ) throws(LogError) -> Result<(header: FrameHeader, leaves: FrameLeaves), FrameFlaw> {
        headerSurvives = false
        do throws(FrameFlaw) {
            let header = try found.header.get()
            try end.check(header, in: reader.header)
            headerSurvives = true
            guard header.previousHash == end.hash else { throw .chain }
        } catch {
            return .failure(error)
        }
        guard case .success(let header) = found.header else { return .failure(.header) }
        let opened = try reader.open(header, bodiesEnd: reader.header.description.bodiesEnd, crypto: crypto)
        do throws(FrameFlaw) {
            let leaves = try Self.leaves(of: try opened.get(), crypto: crypto, leafReader: leafReader)
            headerSurvives = false
            return .success((header, leaves))
        } catch {
            return .failure(error)
        }
    }

    static func leaves(
        of frame: OpenedFrame, crypto: Crypto, leafReader: some LeafReader
    ) throws(FrameFlaw) -> FrameLeaves {
        do throws(ByteError) {
            let leaves = try leafReader.leaves(of: frame, crypto: crypto)
            guard leaves.events.count == frame.header.eventCount, leaves.records.count == frame.header.recordCount
            else { throw .malformed }
            return leaves
        } catch {
            throw .form
        }
    }
}
