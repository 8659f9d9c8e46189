/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* handlers — every call handler there is, by file; api/routes hangs them on addresses. */
#include "api/stream.h"

/* auth.c */
call_handler auth_login, auth_logout, auth_register, auth_setup;
call_handler auth_get_me, auth_patch_me, auth_change_password;

/* settings.c */
call_handler settings_get_public, settings_get, settings_patch, settings_test_s3;

/* keys.c */
call_handler keys_list, keys_create, keys_patch, keys_delete;

/* users.c */
call_handler users_list_all, users_create, users_get, users_patch, users_remove;

/* groups.c */
call_handler groups_list_all, groups_create, groups_get, groups_patch, groups_remove;

/* stats.c, admin_jobs.c: the overview. */
call_handler stats_get, admin_jobs_list;

/* audit.c */
call_handler audit_list_all;

/* accounts.c */
call_handler accounts_list_all, accounts_create, accounts_get, accounts_patch, accounts_remove;
call_handler accounts_reset, accounts_test, accounts_test_draft;

/* accounts_oauth.c */
call_handler accounts_authorize_url, accounts_exchange;

/* sora.c: the studio. */
call_handler sora_generate, sora_list, sora_get, sora_delete, sora_cancel, sora_save;
call_handler sora_quota, sora_models, sora_storage_status;

/* events.c */
call_handler sora_events;

/* media.c */
call_handler media_object;

/* upload_shelf.c */
call_handler uploads_summary, uploads_list, uploads_get, uploads_remove, uploads_resolve;

/* videos.c: the OpenAI surface. */
call_handler videos_create, videos_remix, videos_list, videos_get, videos_content, videos_remove;

/* images.c */
call_handler images_generate, images_edit;

/* system.c */
call_handler system_ready, system_metrics, system_openapi;

/* upload.c: receiving what users bring. */
extern const struct call_stream upload_form;

/* tus.c: the same, to be gone on with. */
extern const struct call_stream tus_stream;
call_handler tus_options, tus_get, tus_delete;
