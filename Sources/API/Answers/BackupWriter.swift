import Bytes
import JSON
import Records

/// What `GET /v1/backups` answers, and `chartlog backup status --json` shows.
enum BackupWriter {
    static func json(_ status: BackupStatus) -> [UInt8] {
        var writer = JSONWriter(reserving: 1024)
        writer.object { writer in
            writer.member("replica", status.replica)
            writer.name("age_seconds")
            if let age = status.ageSeconds { writer.integer(age) } else { writer.null() }
            writer.name("every_seconds")
            if let every = status.everySeconds { writer.integer(every) } else { writer.null() }
            writer.name("escrowed")
            if let isEscrowed = status.isEscrowed { writer.bool(isEscrowed) } else { writer.null() }
            writer.array("backups") { writer in
                for job in status.jobs { write(job, &writer) }
            }
        }
        return writer.bytes
    }

    private static func write(_ job: BackupStatus.Job, _ writer: inout JSONWriter) {
        writer.object { writer in
            // 64 bits are more than a number of JSON bears everywhere.
            writer.member("id", String(job.id))
            writer.member("state", job.state.rawValue)
            writer.array("destinations") { writer in
                for destination in job.destinations { writer.string(destination) }
            }
            text("ordered_by", job.orderedBy, &writer)
            writer.member("begun", job.begun.text)
            text("ended", job.ended?.text, &writer)
            writer.member("index", job.index)
            writer.member("position", job.position)
            writer.member("bytes_done", job.progress.bytesDone)
            writer.member("bytes_of", job.progress.bytesOf)
            writer.member("objects_done", job.progress.objectsDone)
            writer.member("objects_of", job.progress.objectsOf)
            writer.name("manifest")
            if let manifest = job.manifest { writer.integer(manifest) } else { writer.null() }
            text("hash", job.hash?.hex, &writer)
            text("problem", job.problem, &writer)
        }
    }

    private static func text(_ name: String, _ value: String?, _ writer: inout JSONWriter) {
        writer.name(name)
        if let value { writer.string(value) } else { writer.null() }
    }
}
