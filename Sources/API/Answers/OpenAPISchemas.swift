import JSON
import Records

/// Schemas of openapi.json (JSON Schema 2020-12).
enum OpenAPISchemas {
    static func write(_ writer: inout JSONWriter) {
        for (name, schema) in constants { writer.member(name, raw: Array(schema.utf8)) }
        writer.object("Problem") { writer in problem(&writer) }
    }

    private static func problem(_ writer: inout JSONWriter) {
        writer.member("type", "object")
        writer.array("required") { writer in
            for name in ["type", "title", "status", "detail"] { writer.string(name) }
        }
        writer.object("properties") { writer in
            writer.object("type") { writer in
                writer.array("enum") { writer in
                    for kind in ProblemKind.allCases { writer.string(ProblemWriter.typePrefix + kind.rawValue) }
                }
            }
            for (name, schema) in members { writer.member(name, raw: Array(schema.utf8)) }
        }
    }

    /// Members of a problem; beside the first four all are optional.
    private static let members: [(String, String)] = [
        ("title", #"{"type":"string"}"#),
        ("status", #"{"type":"integer"}"#),
        ("detail", #"{"type":"string","description":"What to do next."}"#),
        ("requestid", #"{"type":"string"}"#),
        (
            "conflicts",
            #"{"type":"array","items":{"type":"object","required":["subject","expected","actual"],"properties":{"#
                + #""subject":{"type":"string"},"expected":{"type":"integer"},"actual":{"type":"integer"}}}}"#
        ),
        ("eventindex", #"{"type":"integer","description":"Which event of the request, from 0."}"#),
        ("position", #"{"type":"integer"}"#),
        (
            "neighbours",
            #"{"type":"object","properties":{"before":{"type":"integer"},"after":{"type":"integer"}}}"#
        ),
        ("member", #"{"type":"string","description":"The member, header or parameter that is wrong."}"#),
        ("limit", #"{"type":"integer"}"#),
        ("retryafter", #"{"type":"integer","description":"Seconds."}"#),
        (
            "busy",
            #"{"type":"object","properties":{"actor":{"type":"string"},"#
                + #""start":{"type":"string","format":"date-time"},"end":{"type":"string","format":"date-time"}}}"#
        ),
        ("transition", #"{"type":"object","properties":{"from":{"type":"string"},"to":{"type":"string"}}}"#),
        ("allow", #"{"type":"array","items":{"type":"string"}}"#),
        ("offset", #"{"type":"integer","description":"Bytes into the body."}"#),
        ("index", #"{"type":"integer"}"#),
        ("segment", #"{"type":"integer"}"#),
    ]

    private static let constants: [(String, String)] = [
        (
            "CloudEvent",
            #"{"type":"object","required":["specversion","id","source","type","subject"],"properties":{"#
                + #""specversion":{"const":"1.0"},"id":{"type":"string","minLength":1},"#
                + #""source":{"type":"string","minLength":1},"type":{"type":"string"},"#
                + #""subject":{"type":"string","pattern":"^(patient|appointment|consent|disclosure)/[A-Za-z0-9.-]{1,64}$"},"#
                + #""time":{"type":"string","format":"date-time"},"expectedversion":{"type":"integer","minimum":0},"#
                + #""allowoverlap":{"type":"boolean"},"datacontenttype":{"type":"string"},"data":{},"#
                + #""data_base64":{"type":"string"}}}"#
        ),
        ("CloudEvents", ##"{"type":"array","maxItems":10000,"items":{"$ref":"#/components/schemas/CloudEvent"}}"##),
        (
            "ShownEvent",
            ##"{"allOf":[{"$ref":"#/components/schemas/CloudEvent"},{"type":"object","required":["##
                + #""position","streamversion","recordedtime","actor"],"properties":{"#
                + #""position":{"type":"string"},"streamversion":{"type":"integer"},"#
                + #""recordedtime":{"type":"string","format":"date-time"},"actor":{"type":"string"}}}]}"#
        ),
        ("ShownEvents", ##"{"type":"array","items":{"$ref":"#/components/schemas/ShownEvent"}}"##),
        (
            "EventLine",
            ##"{"description":"One line of NDJSON; the last is end or error.","anyOf":["##
                + ##"{"$ref":"#/components/schemas/ShownEvent"},"##
                + #"{"type":"object","required":["end"],"properties":{"end":{"type":"object","properties":{"#
                + #""position":{"type":"integer"},"more":{"type":"boolean"}}}}},"#
                + ##"{"type":"object","required":["error"],"properties":{"error":{"$ref":"#/components/schemas/Problem"}}},"##
                + #"{"type":"object","required":["caughtup"],"properties":{"caughtup":{"type":"object","properties":{"#
                + #""position":{"type":"integer"}}}}},"#
                + #"{"type":"object","required":["position"],"properties":{"position":{"type":"integer"}}}]}"#
        ),
        (
            "Appended",
            #"{"type":"object","required":["position","events"],"properties":{"position":{"type":"integer"},"#
                + #""events":{"type":"array","items":{"type":"object","required":["id","subject","version","position","#
                + #""recordedtime"],"properties":{"id":{"type":"string"},"subject":{"type":"string"},"#
                + #""version":{"type":"integer"},"position":{"type":"integer"},"#
                + #""recordedtime":{"type":"string","format":"date-time"},"rewoundby":{"type":"integer","#
                + #""description":"Of a repeat: the rewind by which it does not count any more."}}}}}}"#
        ),
        (
            "Digest",
            #"{"type":"object","required":["digest","position"],"properties":{"digest":{"type":"string"},"#
                + #""position":{"type":"integer"},"record":{"type":"integer"}}}"#
        ),
        (
            "Cluster",
            #"{"type":"object","required":["cluster","primary","term","position","replicas"],"properties":{"#
                + #""cluster":{"type":"string"},"primary":{"type":["integer","null"]},"term":{"type":"integer"},"#
                + #""index":{"type":"integer"},"position":{"type":"integer"},"record":{"type":"integer"},"#
                + #""min_durable_copies":{"type":"integer"},"last_stamp":{"type":"string","format":"date-time"},"#
                + ##""last_failover":{"oneOf":[{"type":"null"},{"$ref":"#/components/schemas/Failover"}]},"##
                + ##""change":{"oneOf":[{"type":"null"},{"$ref":"#/components/schemas/Change"}]},"##
                + #""retired":{"type":"array","items":{"type":"integer"},"description":"Ids that are used up."},"#
                + #""warnings":{"type":"array","items":{"type":"string"}},"#
                + ##""seed":{"$ref":"#/components/schemas/Seed"},"##
                + #""replicas":{"type":"array","items":{"type":"object","required":["id","role","state","position","#
                + #""lag_events","lag_seconds","digests"],"properties":{"id":{"type":"integer"},"#
                + #""role":{"type":"string"},"state":{"type":"string"},"position":{"type":"integer"},"#
                + #""lag_events":{"type":"integer"},"lag_seconds":{"type":"number"},"#
                + #""durable_index":{"type":"integer"},"free_bytes":{"type":"integer"},"#
                + #""silent_ms":{"type":["integer","null"],"description":"Since it was last heard of."},"#
                + ##""digests":{"type":"object","properties":{"patient":{"$ref":"#/components/schemas/Digest"},"##
                + ##""appointment":{"$ref":"#/components/schemas/Digest"},"##
                + ##""audit":{"$ref":"#/components/schemas/Digest"}}}}}}}}"##
        ),
        (
            "Seed",
            #"{"type":"object","description":"For who ordered that a new replica joins: what it begins with, sealed.","#
                + #""properties":{"keys":{"type":"string","contentEncoding":"base64"},"#
                + #""first":{"type":"string","contentEncoding":"base64"},"#
                + #""lineage":{"type":"string","contentEncoding":"base64","description":"Of a branch: its ancestors."},"#
                + #""peers":{"type":"array","items":{"#
                + #""type":"object","properties":{"id":{"type":"integer"},"address":{"type":"string"},"#
                + #""peerPort":{"type":"integer"},"clientPort":{"type":"integer"}}}}}}"#
        ),
        (
            "Failover",
            #"{"type":"object","properties":{"at":{"type":"string","format":"date-time"},"#
                + #""reason":{"type":"string","enum":["started","link-closed","silence","handover"]},"#
                + #""from":{"type":["integer","null"]},"to":{"type":"integer"},"#
                + #""milliseconds":{"type":["integer","null"],"#
                + #""description":"From the last word of the one before to the first acknowledged append."}}}"#
        ),
        (
            "Change",
            #"{"type":"object","properties":{"joining":{"type":["integer","null"]},"#
                + #""leaving":{"type":["integer","null"]},"#
                + #""state":{"type":"string","enum":["copying","joint","settling"]},"#
                + #""hold":{"type":["string","null"],"description":"Why it does not go on."},"#
                + #""automatic":{"type":"boolean"},"begun":{"type":"string","format":"date-time"}}}"#
        ),
        (
            "Order-handover",
            #"{"type":"object","additionalProperties":false,"properties":{"to":{"type":"integer","minimum":1,"#
                + #""description":"Who is to lead; absent: whoever is fit."}}}"#
        ),
        (
            "Order-takeover",
            #"{"type":"object","additionalProperties":false,"properties":{"to":{"type":"integer","minimum":1,"#
                + #""description":"The id of the replica that is asked; any other refuses."}}}"#
        ),
        (
            "Order-replacements",
            #"{"type":"object","additionalProperties":false,"required":["leaving"],"properties":{"#
                + #""leaving":{"type":"integer","minimum":1},"joining":{"type":"integer","minimum":1,"#
                + #""description":"A spare; absent: the first that is fit."}}}"#
        ),
        (
            "Order-members",
            #"{"type":"object","additionalProperties":false,"oneOf":[{"required":["joining"]},"#
                + #"{"required":["leaving"]}],"dependentRequired":{"address":["joining","peerPort","clientPort"],"#
                + #""peerPort":["address"],"clientPort":["address"]},"properties":{"#
                + #""joining":{"type":"integer","minimum":1},"leaving":{"type":"integer","minimum":1,"#
                + #""description":"Who votes, or who copies the log and is to join no more."},"#
                + #""address":{"type":"string","description":"Where a replica will be that is new; numeric."},"#
                + #""peerPort":{"type":"integer","minimum":1,"maximum":65535},"#
                + #""clientPort":{"type":"integer","minimum":1,"maximum":65535}}}"#
        ),
        ("Order-clock", #"{"type":"object","additionalProperties":false,"properties":{}}"#),
        (
            "Order-restores",
            #"{"type":"object","additionalProperties":false,"required":["asof"],"properties":{"#
                + #""asof":{"type":"string","description":"An instant with offset, or a position."},"#
                + #""apply":{"type":"boolean","default":false}}}"#
        ),
        (
            "Order-backups",
            #"{"type":"object","additionalProperties":false,"properties":{"to":{"type":"string","pattern":"^/","#
                + #""description":"A directory of the replica's machine; absent: where config.json says."}}}"#
        ),
        (
            "Order-drills",
            #"{"type":"object","additionalProperties":false,"required":["backup","position","loss_ms","restore_ms","#
                + #""right"],"properties":{"backup":{"type":"integer","minimum":0},"#
                + #""position":{"type":"integer","minimum":0},"loss_ms":{"type":"integer","minimum":0},"#
                + #""restore_ms":{"type":"integer","minimum":0},"right":{"type":"boolean"}}}"#
        ),
        (
            "Backups",
            #"{"type":"object","required":["replica","backups"],"properties":{"replica":{"type":"integer"},"#
                + #""age_seconds":{"type":["integer","null"],"description":"Of the newest that it knows of."},"#
                + #""every_seconds":{"type":["integer","null"]},"escrowed":{"type":["boolean","null"]},"#
                + #""backups":{"type":"array","items":{"type":"object","required":["id","state","destinations"],"#
                + #""properties":{"id":{"type":"string"},"#
                + #""state":{"type":"string","enum":["running","done","failed"]},"#
                + #""destinations":{"type":"array","items":{"type":"string"}},"#
                + #""ordered_by":{"type":["string","null"]},"#
                + #""begun":{"type":"string","format":"date-time"},"#
                + #""ended":{"type":["string","null"],"format":"date-time"},"index":{"type":"integer"},"#
                + #""position":{"type":"integer"},"bytes_done":{"type":"integer"},"bytes_of":{"type":"integer"},"#
                + #""objects_done":{"type":"integer"},"objects_of":{"type":"integer"},"#
                + #""manifest":{"type":["integer","null"]},"hash":{"type":["string","null"]},"#
                + #""problem":{"type":["string","null"],"description":"Why it failed, and what to do."}}}}}}"#
        ),
        (
            "Restore",
            #"{"type":"object","description":"What a rewind does, or would do; no PHI.","required":["applied","instant","#
                + #""target","position","streams"],"properties":{"applied":{"type":"boolean"},"#
                + #""rewoundby":{"type":"integer","description":"The position of the rewind."},"#
                + #""instant":{"type":"string","format":"date-time"},"target":{"type":"integer"},"#
                + #""position":{"type":"integer"},"streams":{"type":"integer"},"patients":{"type":"integer"},"#
                + #""vanishing":{"type":"integer","description":"Streams made since: absent from then on."},"#
                + #""appointments":{"type":"object","properties":{"returning":{"type":"integer"},"#
                + #""vanishing":{"type":"integer"}}},"never_rewound":{"type":"object","properties":{"#
                + #""erasures":{"type":"integer"},"withdrawals":{"type":"integer"},"#
                + #""revocations":{"type":"integer"}}}}}"#
        ),
        (
            "Resource",
            #"{"type":"object","description":"FHIR R4 JSON.","required":["resourceType"],"properties":{"#
                + #""resourceType":{"type":"string"}}}"#
        ),
        (
            "OperationOutcome",
            #"{"type":"object","required":["resourceType","issue"],"properties":{"#
                + #""resourceType":{"const":"OperationOutcome"},"issue":{"type":"array","minItems":1}}}"#
        ),
        (
            "Form",
            #"{"type":"object","description":"The parameters of the search.","additionalProperties":{"type":"string"}}"#
        ),
    ]
}
