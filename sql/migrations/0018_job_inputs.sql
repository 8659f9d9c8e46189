-- Jobs with more than one input image: jobs.input_object_id names one of them, this the others.
CREATE TABLE job_inputs (
    job_id {bigint} NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    object_id {bigint} NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
    PRIMARY KEY (job_id, object_id)
);
CREATE INDEX job_inputs_by_object ON job_inputs (object_id);
