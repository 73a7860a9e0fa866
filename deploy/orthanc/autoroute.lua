-- Autoroute: send every study that has been quiet for StableAge seconds to Cutis.
--
-- What Cutis made itself stays here: a result makes its study stable again, and sending it back
-- would never end. Cutis knows instances it already has by their digest, so a study that grew is
-- simply sent again. Losing an event loses no study: Cutis also reads Orthanc's change log.

local MODALITY = 'cutis' -- its name in DicomModalities
local MANUFACTURER = 'Cutis' -- what Cutis writes into (0008,0070) of every result

-- Orthanc ends a whole job at the first instance that cannot be sent, so what Cutis never
-- negotiates must not be in it: anything but storage of the standard, video, and JPEG XL.
local STORAGE = '^1%.2%.840%.10008%.5%.1%.4%.1%.1%.'
local NOT_DECODABLE = '^1%.2%.840%.10008%.1%.2%.4%.1%d%d'

local function get(path)
  return ParseJson(RestApiGet(path))
end

local function contains(list, wanted)
  for _, one in ipairs(list) do
    -- Newer versions of Orthanc write tags in lower case only; the dictionary name is optional.
    if string.lower(one) == wanted then return true end
  end
  return false
end

-- Whether the data set at `path` (an instance, or an item of a sequence) names us as its maker.
local function is_made_by_us(path, tags)
  if not contains(tags, '0008-0070') then return false end
  local value = RestApiGet(path .. '/0008-0070')
  return value ~= nil and string.gsub(value, '[%s%z]+$', '') == MANUFACTURER
end

local function is_own_result(instance)
  local path = '/instances/' .. instance .. '/content'
  local tags = get(path)
  if is_made_by_us(path, tags) then return true end
  if not contains(tags, '0018-a001') then return false end -- Contributing Equipment Sequence
  for _, item in ipairs(get(path .. '/0018-a001')) do
    local inner = path .. '/0018-a001/' .. item
    if is_made_by_us(inner, get(inner)) then return true end
  end
  return false
end

local function can_be_sent(instance)
  local metadata = get('/instances/' .. instance .. '/metadata?expand')
  return string.match(metadata['SopClassUid'] or '', STORAGE) ~= nil
    and string.match(metadata['TransferSyntax'] or '', NOT_DECODABLE) == nil
end

function OnStableStudy(study, tags, metadata)
  local foreign = {}
  for _, instance in ipairs(get('/studies/' .. study .. '/instances')) do
    local id = instance['ID']
    if can_be_sent(id) and not is_own_result(id) then table.insert(foreign, id) end
  end
  if #foreign == 0 then return end
  local job = { Resources = foreign, Synchronous = false, Permissive = false }
  RestApiPost('/modalities/' .. MODALITY .. '/store', DumpJson(job, true))
end
