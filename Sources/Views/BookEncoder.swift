internal import Bytes
internal import Records

/// A book as bytes, piece by piece; the same book gives the same bytes, and no piece is above 64 KiB.
///
/// Holds a copy of the book, which shares its storage, and one piece.
package struct BookEncoder {
    private let book: Book
    private var section: BookSection? = .head
    /// Of the section.
    private var rows = 1
    private var lists = PostingLists()
    /// The next row of the section, and within a posting list the next value.
    private var row = 0
    private var value = 0
    private var lastFirst: UInt32 = 0
    private var appointmentsSeen: UInt32 = 0
    private var piece = ByteWriter(reserving: 65_536)
    private let sections: [BookSection]
    /// Streams of all rewinds before the one whose streams are written.
    private var rewind = 0
    private var streamsBefore = 0

    package init(_ book: Book) {
        self.book = book
        sections = BookSection.all(in: BookFormat.version)
    }

    /// The next piece; nil after the last.
    package mutating func next() -> [UInt8]? {
        guard let section else { return nil }
        piece.bytes.removeAll(keepingCapacity: true)
        piece.u8(section.rawValue)
        while row < rows, piece.count < BookFormat.pieceBytes { put(section) }
        if row >= rows { begin(sections.first { $0.rawValue == section.rawValue + 1 }) }
        return piece.bytes
    }

    private mutating func begin(_ section: BookSection?) {
        self.section = section
        row = 0
        guard let section else { return }
        rows = rowCount(section)
        lists = section.holdsLists ? book[postings: section] : PostingLists()
    }

    private func rowCount(_ section: BookSection) -> Int {
        switch section {
        case .head: 1
        case .subjects: book.subjects.words.count
        case .actors: book.actors.words.count
        case .overflow: book.overflow.words.count
        case .streams: book.streams.count
        case .appointments: book.appointments.count
        case .previous: book.previous.count
        case .order: book.order.words.count
        case .stale: book.staleCount
        case .rewinds: book.rewinds.count
        case .rewoundStreams: book.rewinds.reduce(0) { $0 + $1.streams.count }
        default: book[postings: section].listCount
        }
    }

    private mutating func put(_ section: BookSection) {
        switch section {
        case .head: putHead()
        case .subjects: piece.u64(book.subjects.words[row])
        case .actors: piece.u64(book.actors.words[row])
        case .overflow: piece.u32(book.overflow.words[row])
        case .streams: put(book.streams[row])
        case .appointments: put(book.appointments[row])
        case .previous:
            let before = book.previous[row]
            piece.varint(before == 0 ? 0 : UInt64(row + 1) - UInt64(before))
        case .order: piece.u64(book.order.words[row])
        case .stale: piece.u64(book.stale[book.staleFirst + row])
        case .rewinds: put(book.rewinds[row])
        case .rewoundStreams: putRewoundStream()
        default:
            lists.encode(list: row, from: value, onto: &piece)
            value += PostingLists.runValuesMax
            if value < lists.list(row).count { return }
            value = 0
        }
        row += 1
    }

    private mutating func putHead() {
        piece.u8(BookFormat.version)
        piece.u64(book.position)
        piece.u64(book.record)
        piece.u64(UInt64(bitPattern: book.lastStamp.microseconds))
        for hash in [book.patientHash, book.appointmentHash, book.auditHash] { piece.digest(hash.sum) }
        piece.varint(book.tenants.count)
        for tenant in book.tenants { piece.u32(tenant) }
        for section in sections { piece.varint(rowCount(section)) }
    }

    private mutating func put(_ cell: StreamCell) {
        piece.u64(cell.tag)
        piece.token(cell.token)
        piece.u64(cell.content)
        piece.varint(UInt64(cell.first - lastFirst))
        piece.varint(UInt64(cell.last - cell.first))
        piece.varint(UInt64(cell.version))
        piece.varint(UInt64(cell.tenant))
        piece.u8(
            cell.category.rawValue | cell.state.rawValue << 3 | (cell.isStale ? 0x20 : 0)
                | (cell.appointment != 0 ? 0x40 : 0) | (cell.isSteady ? 0x80 : 0))
        piece.varint(BookFormat.code(cell.subjects))
        if cell.appointment != 0 {
            piece.varint(BookFormat.zigzag(Int64(cell.appointment) - Int64(appointmentsSeen) - 1))
            appointmentsSeen = cell.appointment
        }
        lastFirst = cell.first
    }

    private mutating func put(_ rewind: RewindRow) {
        piece.u32(rewind.position)
        piece.u32(rewind.target)
        piece.varint(rewind.streams.count)
    }

    private mutating func putRewoundStream() {
        while row - streamsBefore >= book.rewinds[rewind].streams.count {
            streamsBefore += book.rewinds[rewind].streams.count
            rewind += 1
        }
        let (ordinal, before) = book.rewinds[rewind].streams[row - streamsBefore]
        piece.varint(UInt64(ordinal))
        piece.u32(before)
    }

    private mutating func put(_ cell: AppointmentCell) {
        piece.u8(cell.status.rawValue)
        let start = cell.start?.microseconds ?? 0
        let length = (cell.end?.microseconds ?? start) &- start
        // Instants of RFC 3339 lie within 59 bits; others are written whole.
        if let startCode = BookFormat.time(start), let lengthCode = BookFormat.time(length) {
            piece.u8(cell.flags)
            piece.varint(startCode)
            piece.varint(lengthCode)
        } else {
            piece.u8(cell.flags | 0x80)
            piece.u64(UInt64(bitPattern: start))
            piece.u64(UInt64(bitPattern: cell.end?.microseconds ?? start))
        }
        piece.varint(BookFormat.code(cell.practitioners))
        piece.varint(BookFormat.code(cell.locations))
    }
}

extension Book {
    /// The lists a section holds.
    ///
    /// - Precondition: the section holds lists.
    subscript(postings section: BookSection) -> PostingLists {
        get {
            switch section {
            case .itemsOfSubject: itemsOfSubject
            case .itemsOfActor: itemsOfActor
            case .streamsOfSubject: streamsOfSubject
            case .streamsOfCategory: streamsOfCategory
            case .bookings: bookings
            case .patientsOfTerm: patientsOfTerm
            case .head, .subjects, .actors, .overflow, .streams, .appointments, .previous, .order, .stale, .rewinds,
                .rewoundStreams:
                preconditionFailure("not a section of lists")
            }
        }
    }
}
