/* SPDX-License-Identifier: Apache-2.0 */
#include "api/messages.h"

#include <string.h>

#include "base/mem.h"

/* By subject; within one, from the request's side to the server's. */
static const struct message table[] = {
    /* The request itself. */
    {"bad_request", 400, "请求格式不正确", "The request cannot be read."},
    {"invalid_json", 400, "请求体不是有效的 JSON", "The body is not valid JSON."},
    {"invalid_text", 400, "文本中有不允许的字符", "The text has characters that are not allowed."},
    {"bad_multipart", 400, "表单数据格式不正确", "The multipart body is malformed."},
    {"missing_field", 400, "缺少必填字段", "A required field is missing"},
    {"invalid_field", 400, "字段的值无效", "A field has a value that is not allowed"},
    {"not_found", 404, "没有找到所请求的内容", "There is no such thing."},
    {"no_such_address", 404, "该地址不存在", "There is nothing at this address."},
    {"method_not_allowed", 405, "该地址不支持此方法", "This address does not take this method."},
    {"too_large", 413, "内容超过大小上限", "The content is over the size limit."},
    {"unsupported_media_type", 415, "不支持的内容类型", "This content type is not supported."},
    {"reference_gone", 409, "所引用的内容刚被删除，请刷新后重试",
     "What this refers to has just been deleted. Reload and try again."},
    {"result_gone", 410, "该 Idempotency-Key 对应的结果已不再保留",
     "The result of this Idempotency-Key is no longer kept."},
    {"idempotency_mismatch", 422, "该 Idempotency-Key 已用于另一个请求",
     "This Idempotency-Key was used for another request."},

    /* Who asks. */
    {"unauthenticated", 401, "请先登录", "Sign in first."},
    {"invalid_credentials", 401, "邮箱或密码不正确", "E-mail or password is wrong."},
    {"wrong_password", 403, "当前密码不正确", "The current password is wrong."},
    {"user_disabled", 403, "账户已停用，请联系管理员",
     "This user is disabled. Ask your administrator."},
    {"admin_only", 403, "需要管理员权限", "Only administrators may do this."},
    {"csrf", 403, "请求来源无法确认，请刷新页面后重试",
     "The request's origin could not be confirmed. Reload the page and try again."},
    {"too_many_attempts", 429, "尝试次数过多，请稍后再试", "Too many attempts. Try again later."},
    {"too_many_streams", 429, "打开的页面过多，此页面将定时刷新",
     "Too many pages are open; this one asks for news now and then."},
    {"registration_closed", 403, "本站未开放注册", "Registration is closed."},
    {"invalid_setup_token", 403, "初始化链接无效，请使用最近一次启动时显示的链接",
     "The set-up link is not valid. Use the one shown at the latest start."},
    {"setup_done", 409, "管理员已存在，初始化链接已失效",
     "There is an administrator already; the set-up link is spent."},
    {"invalid_api_key", 401, "API 密钥无效、已停用或已过期",
     "The API key is wrong, disabled or expired."},

    /* People, groups, keys. */
    {"invalid_email", 400, "邮箱地址格式不正确", "The e-mail address is not valid"},
    {"invalid_password", 400, "密码长度须为 8 到 256 个字节", "A password has 8 to 256 bytes"},
    {"email_taken", 409, "该邮箱已被使用", "This e-mail address is in use."},
    {"user_not_found", 404, "用户不存在", "There is no such user."},
    {"last_admin", 409, "至少要保留一位启用的管理员",
     "At least one active administrator must remain."},
    {"group_not_found", 404, "分组不存在", "There is no such group."},
    {"group_name_taken", 409, "分组名称已被使用", "This group name is in use."},
    {"group_in_use", 409, "分组正在使用，无法删除", "The group is in use and cannot be deleted."},
    {"group_not_allowed", 403, "只能使用自己所在的分组", "Only your own group may be used."},
    {"key_not_found", 404, "API 密钥不存在", "There is no such API key."},
    {"too_many_keys", 409, "API 密钥数量已达上限，请先删除不用的密钥",
     "There are too many API keys. Delete those you do not use."},
    {"unknown_setting", 400, "没有这项设置", "There is no such setting"},

    /* Upstream accounts. */
    {"account_not_found", 404, "账号不存在", "There is no such account."},
    {"account_in_use", 409, "账号有进行中的任务，无法删除",
     "The account has live jobs and cannot be deleted."},
    {"url_invalid", 400, "地址格式不正确", "The address is not valid"},
    {"url_scheme", 400, "地址必须以 http:// 或 https:// 开头",
     "The address must begin with http:// or https://"},
    {"url_forbidden", 400, "地址不能指向链路本地、元数据或保留的网络地址",
     "The address must not be a link-local, metadata or reserved one"},
    {"address_forbidden", 403, "不允许访问该网络地址",
     "This network address may not be connected to."},
    {"name_not_found", 502, "找不到该域名", "The host name was not found."},
    {"connection_refused", 502, "连接被拒绝", "The connection was refused."},
    {"connection_broken", 502, "连接中断", "The connection broke."},
    {"connect_timeout", 504, "连接超时", "Connecting timed out."},
    {"timeout", 504, "对方响应超时", "The other side took too long to answer."},
    {"tls_failed", 502, "TLS 连接失败，请检查证书",
     "The TLS connection failed. Check the certificate."},
    {"auth_failed", 502, "认证失败", "Authentication failed."},
    {"account_auth_failed", 502, "上游连续三次拒绝此账号的凭据，请检查 API Key",
     "The upstream has refused the account's credential three times in a row. Check the key."},
    {"account_declined", 502, "上游拒绝为此账号服务（余额或权限，402/403）",
     "The upstream declines this account: its balance or its rights (402, 403)."},
    {"account_rate_limited", 502, "上游对此账号限流（429）",
     "The upstream limits this account's rate (429)."},
    {"account_failing", 502, "上游出错或无法连接", "The upstream fails, or cannot be reached."},
    {"account_sign_in_again", 502, "授权已失效，请重新登录授权",
     "The authorization has ended. Sign in again."},
    {"account_unusable", 502, "账号的配置无法使用，请重新编辑",
     "The account cannot be used as it is set up. Edit it."},
    {"account_secret_unreadable", 502, "账号的密钥无法解密，请重新填写",
     "The account's secret cannot be decrypted. Enter it again."},
    {"base_url_parts", 400, "Base URL 不能包含查询参数（?）或片段（#）",
     "The base URL must not have a query or a fragment"},
    {"base_url_is_endpoint", 400,
     "Base URL 应为接口的根地址（如 https://host 或 https://host/v1），不要填写 "
     "/chat/completions 等具体接口",
     "The base URL is the root of the API, not one of its endpoints"},
    {"api_key_again", 400, "Base URL 指向另一台服务器，请重新填写 API Key",
     "The base URL leads to another server: enter the API key again"},
    {"invalid_proxy", 400,
     "代理地址须为 http://、https://、socks5://、socks5h:// 或 socks4a:// 加 [用户名:密码@]主机[:端口]",
     "The proxy address is not valid"},
    {"bad_ca", 400, "CA 证书须为 PEM 格式", "The CA certificate must be in PEM form"},
    {"not_this_api", 502, "该地址不是所选的接口", "This address does not speak the chosen API."},
    {"bad_answer", 502, "上游的回答无法识别", "The upstream's answer could not be understood."},
    {"upstream_error", 502, "上游返回错误", "The upstream answered with an error."},
    {"oauth_state_invalid", 400, "授权已过期，请重新打开授权链接",
     "The authorization has expired. Open the link again."},
    {"oauth_code_invalid", 400, "请粘贴授权码，或跳转后的完整地址",
     "Paste the code, or the whole address you were sent to"},
    {"oauth_denied", 403, "上游拒绝了授权，请重新打开授权链接",
     "The upstream did not grant access. Open the link again."},
    {"oauth_discovery_failed", 502,
     "该 Issuer 地址没有提供 OAuth 配置，请检查地址，或填写授权和令牌地址",
     "The issuer does not tell its addresses. Check it, or enter the two addresses."},
    {"oauth_refused", 502, "上游拒绝了令牌", "The upstream refused the token."},
    {"oauth_tokens_again", 400, "地址指向另一台服务器，请重新授权或重新填写令牌",
     "The address leads to another server: sign in again, or enter its tokens again"},
    {"oauth_exchange_failed", 502, "授权码兑换失败，请重新授权",
     "The code could not be exchanged. Authorize again."},

    /* Gateway. */
    {"platform_not_supported", 400, "当前分组的平台不支持此接口",
     "The platform of this group is not supported here."},
    {"model_not_found", 404, "模型不存在", "There is no such model."},
    {"no_account", 503, "暂无可用账号，请稍后再试", "No account is available. Try again later."},
    {"rate_limited", 429, "请求过于频繁，请稍后再试", "Too many requests. Try again later."},
    {"queue_full", 429, "排队人数已满，请稍后再试", "The line is full. Try again later."},
    {"account_full", 429, "该账号的名额已满，请稍后再试",
     "The account has no free place. Try again later."},
    {"stream_required", 400, "该账号只支持 stream=true",
     "This account only answers with stream=true."},
    {"loop_detected", 508, "检测到循环转发", "The request goes round in a loop."},
    {"link_invalid", 403, "链接无效或已过期", "The link is not valid or has expired."},
    {"bad_link", 403, "链接无效", "The link is not valid."},
    {"link_ended", 410, "链接已过期", "The link has expired."},
    {"not_in_dialect", 400, "所选上游不支持这项请求", "The upstream's API has no such request."},

    /* Studio jobs. */
    {"too_many_jobs", 429, "请等待当前任务完成后再发起新任务",
     "Wait for a running job to finish before starting another."},
    {"unknown_model", 400, "没有这个模型", "There is no such model"},
    {"image_too_large", 413, "图片不能超过 20 MiB", "The image may be 20 MiB at most."},
    {"quota_exceeded", 429, "存储配额已满，请删除不需要的作品释放空间",
     "Storage is full. Delete works you do not need to make room."},
    {"generation_not_found", 404, "作品不存在", "There is no such work."},
    {"video_not_found", 404, "视频不存在", "There is no such video."},
    {"video_not_ready", 404, "视频尚未生成完成", "The video is not ready yet."},
    {"video_failed", 422, "视频生成失败", "The video generation failed."},
    {"variant_unavailable", 400, "该视频没有这种文件", "This video has no such variant."},
    {"request_refused", 400, "上游拒绝了这项请求", "The upstream refused the request."},
    {"job_not_found", 404, "任务不存在", "There is no such job."},
    {"already_finished", 409, "任务已结束，无法取消", "The job has ended and cannot be cancelled."},
    {"not_saveable", 409, "只有上游链接的作品可以保存",
     "Only works with an upstream link can be saved."},
    {"link_expired", 410, "媒体链接已过期，无法保存",
     "The media link has expired; it cannot be saved."},
    {"storage_not_configured", 503, "云存储未配置，请联系管理员",
     "Cloud storage is not configured. Ask your administrator."},
    {"submission_unknown", 502, "提交结果未知，上游可能已经计费，因此没有重新提交",
     "Whether the upstream took the job is unknown. It may have charged for it, so it was not "
     "sent again."},
    {"content_policy", 400, "上游拒绝了这条提示词", "The upstream declined this prompt."},
    {"account_refused", 502, "上游拒绝了本站的账号，请联系管理员",
     "The upstream refused this site's account. Tell your administrator."},
    {"account_gone", 502, "负责该任务的上游账号已不存在",
     "The upstream account that holds this job is gone."},
    {"model_not_served", 502, "没有上游账号提供这个模型", "No upstream account serves this model."},
    {"no_free_account", 504, "等待超时，没有空闲的上游账号",
     "No upstream account became free in time."},
    {"job_too_long", 504, "上游未在规定时间内完成任务", "The upstream did not finish in time."},
    {"no_result", 502, "上游结束了任务，但没有给出结果", "The upstream finished without a result."},
    {"upstream_unreachable", 502, "无法连接上游", "The upstream could not be reached."},
    {"upstream_cancelled", 502, "上游取消了该任务", "The upstream cancelled this job."},
    {"task_forgotten", 502, "上游已找不到该任务", "The upstream does not know this job any more."},
    {"link_gone", 502, "文件取回之前，上游的链接已过期",
     "The upstream's link had expired before the file could be fetched."},
    {"input_lost", 500, "输入的图片已丢失，请重新提交",
     "The input image is lost. Submit it again."},
    {"makes_videos_only", 400, "上游账号只能生成视频", "The upstream account makes videos only."},
    {"makes_one_video", 400, "上游账号一次只能生成一个视频",
     "The upstream account makes one video at a time."},
    {"makes_images_only", 400, "该模型只能生成图片", "This model makes images only."},
    {"makes_fewer_images", 400, "该模型一次生成的图片数量有上限",
     "This model makes fewer images at a time."},
    {"seconds_not_offered", 400, "该模型不支持此时长", "This model makes no works of that length."},
    {"size_not_offered", 400, "该模型不支持此尺寸", "This model makes no works of that size."},
    {"orientation_not_offered", 400, "该模型不支持选择画面方向",
     "This model takes no choice of orientation."},
    {"needs_image", 400, "该模型需要一张参考图片", "This model needs a reference image."},
    {"takes_no_image", 400, "该模型不支持参考图片", "This model takes no reference image."},
    {"takes_one_image", 400, "该上游只支持一张参考图片", "This upstream takes one input image."},
    {"takes_no_mask", 400, "该上游不支持蒙版", "This upstream takes no mask."},
    {"takes_no_remix", 400, "该上游不支持再创作", "This upstream takes no remix of a work."},
    {"no_model_path", 400, "账号的模型映射须给出模型路径，例如 fal-ai/veo3.1",
     "The account's model mapping has to name a model's path, such as fal-ai/veo3.1."},

    /* Media and storage. */
    {"media_unreadable", 422, "无法识别的媒体文件", "The media file could not be read."},
    {"media_unavailable", 502, "媒体暂时无法获取", "The media cannot be fetched now."},
    {"bad_media", 502, "上游返回的不是可用的媒体文件",
     "What the upstream sent is no usable media."},
    {"bucket_not_found", 502, "存储桶不存在", "There is no such bucket."},
    {"storage_off", 503, "存储未启用", "Storage is switched off."},
    {"storage_unavailable", 503, "存储暂时不可用，请稍后再试",
     "Storage is unavailable for now. Try again later."},
    {"storage_denied", 502, "存储拒绝访问，请检查密钥对存储桶的权限",
     "The store refuses access. Check what the key may do with the bucket."},
    {"storage_key_wrong", 502, "存储的 Access Key ID 或 Secret 不正确",
     "The store does not accept the access key id or its secret."},
    {"storage_credentials_expired", 502, "存储的密钥已过期",
     "The store's credentials have expired."},
    {"storage_wrong_region", 502, "存储桶在另一个区域或地址",
     "The bucket is in another region, or at another address."},
    {"storage_clock_wrong", 502, "本机与存储的时钟相差过大",
     "The clocks of this server and of the store differ too much."},
    {"storage_refused", 502, "存储不接受该文件", "The store does not take this file."},
    {"storage_full", 507, "存储空间已满", "The store is full."},
    {"saving", 409, "该作品正在保存", "This work is being saved already."},
    {"upload_gone", 404, "存储中的分段上传已不存在",
     "The store does not know this upload any more."},
    {"part_unknown", 503, "存储不认识已上传的分段", "The store does not know a part that it took."},
    {"object_not_found", 404, "文件不存在", "There is no such file."},
    {"object_missing", 410, "存储中的文件已丢失", "The stored file is gone."},
    {"object_damaged", 410, "存储中的文件已损坏", "The stored file is damaged."},
    {"file_not_found", 404, "文件不存在", "There is no such file."},
    {"file_too_large", 413, "文件超过大小上限", "The file is over the size limit."},
    {"file_empty", 400, "文件是空的", "The file is empty."},
    {"too_many_pixels", 413, "图片像素数超过上限", "The image has too many pixels."},
    {"image_unreadable", 422, "图片已损坏或不完整", "The image is damaged or cut short."},
    {"unsupported_type", 415, "不支持的文件类型", "This file type is not supported."},
    {"disk_full", 507, "磁盘空间不足", "The disk is full."},
    {"upload_quota_exceeded", 413, "上传配额已满", "Upload quota exceeded"},
    {"upload_sub_type_off", 403, "本站未开放此类上传",
     "Uploads of this kind are not allowed here."},
    {"tus_version", 412, "仅支持 tus 1.0.0", "Tus-Resumable must be 1.0.0."},
    {"upload_offset", 409, "上传进度不在此位置", "The upload does not stand at this offset."},
    {"upload_locked", 423, "另一个请求正在继续此上传", "Another request goes on with this upload."},
    {"checksum_mismatch", 460, "内容与校验和不符", "The bytes do not have this checksum."},
    {"upload_expired", 410, "上传已过期", "The upload has expired."},
    {"upload_lost", 410, "上传的内容已丢失，请重新上传",
     "What was there of the upload is lost. Begin anew."},
    {"upload_unfinished", 409, "上传尚未完成", "The upload is not finished."},
    {"too_many_uploads", 429, "未完成的上传过多，请先完成或取消",
     "Too many uploads are unfinished. Finish or cancel some first."},
    {"upload_not_found", 404, "上传的文件不存在", "There is no such upload."},

    /* The server. */
    {"overloaded", 503, "服务器繁忙，请稍后再试", "The server is busy. Try again later."},
    {"not_ready", 503, "服务尚未就绪", "The server is not ready."},
    {"no_memory", 503, "请求所需内存超过上限", "The request needs more memory than it may have."},
    {"database_busy", 503, "数据库繁忙，请稍后再试", "The database is busy. Try again later."},
    {"database_unreachable", 503, "数据库暂时无法连接，请稍后再试",
     "The database cannot be reached. Try again later."},
    {"commit_unknown", 503, "保存结果未知，请刷新后确认",
     "Whether this was saved is unknown. Reload and look."},
    {"object_lost", 409, "该文件的写入已被放弃，将重新获取",
     "Writing this file was given up; it is fetched again."},
    {"lease_lost", 409, "该任务已由另一进程接手", "Another process has taken this over."},
    {"key_taken", 409, "文件已存在", "The file is there already."},
    {"bad_option", 500, "服务器配置有误", "The server is configured wrongly."},
    {"cancelled", 503, "操作已中断", "The operation was cut short."},
    {"secret_unreadable", 500, "已保存的密钥无法解密，请重新填写",
     "A stored secret cannot be decrypted. Enter it again."},
    {"io_error", 500, "服务器读写出错", "The server could not read or write."},
    {"store_not_found", 404, "找不到这个存储", "There is no such store."},
    {"backup_damaged", 400, "备份文件已损坏", "The backup is damaged."},
    {"database_newer", 409, "备份来自更新版本的程序", "The backup was made by a newer program."},
    {"migration_changed", 409, "备份的数据表与本程序不一致",
     "The backup's tables are not those of this program."},
    {"target_in_use", 409, "恢复的目标不是空的", "What is to be restored into is not empty."},
    {"internal_error", 500, "服务器内部错误", "Something went wrong on the server."},
};

const struct message *message_table(size_t *ret_count)
{
    *ret_count = ARRAY_SIZE(table);
    return table;
}

const char *message_of(const char *code, enum language language)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        if (strcmp(table[i].code, code) == 0)
            return language == LANG_ZH ? table[i].zh : table[i].en;
    }
    return NULL;
}

struct str message_of_failure(const struct failure *f, enum language language, struct arena *a)
{
    const char *code = f->code.n ? arena_strz(a, f->code) : NULL; /* NULL: no memory either */
    const char *sentence = code ? message_of(code, language) : NULL;
    if (!sentence)
        sentence = message_of(failure_class_code(f->class), language);
    struct str text = str_of(sentence);
    if (!f->words.n)
        return text;
    if (str_ends(text, STR(".")))
        text.n--;
    return arena_printf(a, language == LANG_ZH ? "%.*s：%.*s" : "%.*s: %.*s", STR_ARG(text),
                        STR_ARG(f->words));
}

/* "0.8" as 800; a range without a weight has 1 (RFC 9110 12.4.2). */
static int weight_of(struct str params)
{
    while (params.n > 0) {
        struct str param = str_trim(str_cut(&params, ';'));
        if (param.n < 3 || (param.p[0] | 0x20) != 'q' || param.p[1] != '=')
            continue;
        int weight = param.p[2] == '1' ? 1000 : 0;
        for (size_t i = 4, unit = 100; i < param.n && i < 7 && weight < 1000; i++, unit /= 10) {
            if (param.p[i] >= '0' && param.p[i] <= '9')
                weight += (param.p[i] - '0') * (int)unit;
        }
        return weight;
    }
    return 1000;
}

static bool language_parse(struct str range, enum language fallback, enum language *ret)
{
    struct str primary = str_cut(&range, '-');
    if (str_eq(primary, STR("*")))
        *ret = fallback;
    else if (str_eq_ci(primary, STR("zh")))
        *ret = LANG_ZH;
    else if (str_eq_ci(primary, STR("en")))
        *ret = LANG_EN;
    else
        return false;
    return true;
}

enum language language_of(struct str accept_language, enum language fallback)
{
    enum language best = fallback, language;
    int best_weight = 0;
    while (accept_language.n > 0) {
        struct str params = str_cut(&accept_language, ',');
        struct str range = str_trim(str_cut(&params, ';'));
        if (!language_parse(range, fallback, &language))
            continue;
        int weight = weight_of(params);
        if (weight > best_weight) {
            best_weight = weight;
            best = language;
        }
    }
    return best;
}
