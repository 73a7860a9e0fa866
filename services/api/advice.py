"""Advice: what an operator can do about a reason, by its code."""

_JOBS = {
    "actor-failed": "Read the worker's log, then retry.",
    "actor-start": "Ray found no room for the model in time: look at its nodes, then retry.",
    "actor-lost": "The model's process died: look at the memory of the worker, then retry.",
    "bad-input": "The images are not what the model reads. Look at them before you retry.",
    "database": "The database did not answer. Retry once it is back.",
    "deadline": "The model took too long: retry when the worker is less busy.",
    "decoder-deadline": "Decoding an image took too long: retry when the writer is less busy.",
    "decoder-lost": "The writer's decoder died: look at the memory of the writer, then retry.",
    "disk-short": "Free space on the spool, then retry.",
    "encoding": "The writer could not build the objects: read its log, report it, then retry.",
    "findings": "The model's findings do not fit the image: report it to who made the model.",
    "lost": "The worker died or hung. Look at Processes and at its memory, then retry.",
    "no-findings": "The model or its findings are gone: install the model again, then retry.",
    "source-removed": "The image left the spool. Send the study again from the PACS, then retry.",
    "no-weights": "Train the model or install its weights, restart the worker, then retry.",
    "not-visible": "The PACS took the result but does not show it: look at its log, then retry.",
    "operator": "An operator cancelled it. Retry brings it back.",
    "out-of-memory": "Give the worker or the writer more memory or fewer jobs at once, then retry.",
    "pacs": "Correct CUTIS_PACS_DICOMWEB_URL and restart the writer. Waiting jobs go on.",
    "pacs-ae": "Make the PACS know our AE title, or correct ours. Waiting jobs go on.",
    "pacs-class": "Have the PACS accept this SOP class, or store by STOW-RS, then retry.",
    "pacs-down": "Start the PACS or repair the way to it. Waiting jobs go on.",
    "pacs-login": "Correct the user or the password file of the PACS. Waiting jobs go on.",
    "pacs-refused": "The log of the PACS says why it refuses the object. Then retry.",
    "pacs-trouble": "Look at the load and the disk of the PACS. Waiting jobs go on.",
    "spool": "Free space on the spool or repair it, then retry.",
    "superseded": "Nothing: later images opened a new revision.",
    "too-large": "The image is larger than the model may read; see the worker's settings.",
    "two-patients": "Find out which image is whose and put it right in the PACS; send it again.",
    "undecodable": "The pixels cannot be decoded. Have the sender send the study again.",
    "unknown-model": "Install the version of Cutis that has this model, then retry.",
    "unexpected": "Read the log of the process that ran it and report it; then retry.",
    "weights": "The weights differ from their manifest: install them again, then retry.",
    "weights-changed": "Retry: the model runs again, with the weights of today.",
    "failpoints": "Correct CUTIS_FAILPOINTS, or remove it: it is for tests only.",
    "no-message": "Nothing: the audit trail skips events it has no message for.",
    "not-ours": "Find out who else writes to our Redis, and give it a user of its own.",
    "tls": "Check the certificate, key and authority files named in the settings, then retry.",
    "pacs-tls": "Check the PACS's certificate and our authorities. Waiting jobs go on.",
}

_REFUSALS = {
    "called AE title is not ours": "Have the sender call our AE title, or change CUTIS_AE_TITLE.",
    "calling AE title is not allowed": (
        "If you know this sender, add its AE title to CUTIS_LISTENER_ALLOWED_AE_TITLES."
    ),
    "certificate does not name the calling AE title": (
        "Have the sender use a certificate in its own name, or bind its name to the AE title."
    ),
    "application context is not DICOM": "Find out what calls this port: it does not speak DICOM.",
    "address is not allowed": (
        "If you know this sender, add its address to CUTIS_LISTENER_ALLOWED_ADDRESSES."
    ),
    "instance too-large": (
        "It is not kept. Raise CUTIS_LISTENER_MAX_INSTANCE_BYTES and CUTIS_LISTENER_MEMORY_BYTES,"
        " and the container's limit with them."
    ),
    "disk is short": "Free space on the spool; senders try again by themselves.",
    "database cannot be written": "Look at /readyz; senders try again by themselves.",
    "too many associations": (
        "Let the sender open fewer, or raise CUTIS_LISTENER_MAX_ASSOCIATIONS."
    ),
}

_QUARANTINE = {
    "bad-uid": "The sender wrote no valid identifiers: report it to the maker of the device.",
    "gone": "Its bytes are no longer on the spool: have it sent again, and discard it.",
    "no-pixels": "The object claims to be an image but has no pixels: send it again.",
    "structure": "The object is damaged or cut short: send it again.",
    "uid-mismatch": "Message and object disagree about the UID: report it to the sender's maker.",
    "unreadable": "The header cannot be read: send it again, or look at it with a DICOM tool.",
}


def job_advice(code: str) -> str:
    """Return what to do about a job that ended with ``code``."""
    return _JOBS.get(code, "Read the reason; retry once its cause is gone.")


def delay_advice(code: str) -> str:
    """Return what to do about jobs that wait for their next attempt after ``code``."""
    if code.startswith("pacs"):
        return job_advice(code)
    return "Nothing yet: they are tried again by themselves."


def refusal_advice(reason: str) -> str:
    """Return what to do about a sender that was refused for ``reason``."""
    return _REFUSALS.get(reason, "Check the listener's settings and log.")


def quarantine_advice(code: str) -> str:
    """Return what to do about an instance that was set aside with ``code``."""
    return _QUARANTINE.get(code, "Look at the object with a DICOM tool, then have it sent again.")
